"""A choice is a file name: (folder, name) -> module."""

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
    """The names that may be chosen in `folder` (for example "methods"), sorted: its file names."""
    return tuple(sorted(p.stem for p in (HERE / folder).glob("*.py") if not p.stem.startswith("_")))


def load(folder: str, name: str) -> ModuleType:
    """The module `name` of `folder`. Raises PsdlError that lists the known names, nearest first."""
    known = names(folder)
    if name not in known:
        raise unknown(f"{folder} name", name, known)
    return import_module("psdl." + folder.replace("/", ".") + "." + name)


def extra(name: str, *modules: str) -> None:
    """Raises PsdlError that says what to install where a module of the extra `name` is not there."""
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise PsdlError(f"{', '.join(missing)} is not installed: pip install 'psdl[{name}]'")


def unknown(what: str, name: str, known: Iterable[str]) -> PsdlError:
    """The error for a name that is not known: what was given, and the known names, nearest first."""
    ordered = list(known)
    near = difflib.get_close_matches(name, ordered, n=len(ordered), cutoff=0.5)
    rest = [k for k in ordered if k not in near]
    return PsdlError(f"unknown {what} {name!r}: choose one of {', '.join(near + rest)}")
