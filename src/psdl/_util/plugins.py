"""Finds modules by name: each file of a folder is a choice."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from psdl.errors import PsdlError

HERE = Path(__file__).parents[1]


def names(folder: str) -> tuple[str, ...]:
    """Returns the sorted names that may be chosen in `folder` (for example "methods"): those of its files."""
    return tuple(sorted(p.stem for p in (HERE / folder).glob("*.py") if not p.stem.startswith("_")))


def load(folder: str, name: str) -> ModuleType:
    """Returns the module `name` of `folder`. Raises PsdlError on an unknown name, with the known ones, most
    similar first."""
    known = names(folder)
    if name not in known:
        raise unknown(f"{folder} name", name, known)
    return import_module("psdl." + folder.replace("/", ".") + "." + name)


def extra(name: str, *modules: str) -> None:
    """Raises PsdlError, which says what to install, if a module of the extra `name` is missing."""
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise PsdlError(f"{', '.join(missing)} is not installed: pip install 'psdl[{name}]'")


def unknown(what: str, name: str, known: Iterable[str]) -> PsdlError:
    """Returns the error for an unknown name: what was given, and the known names, most similar first."""
    ordered = list(known)
    near = difflib.get_close_matches(name, ordered, n=len(ordered), cutoff=0.5)
    rest = [k for k in ordered if k not in near]
    return PsdlError(f"unknown {what} {name!r}: choose one of {', '.join(near + rest)}")
