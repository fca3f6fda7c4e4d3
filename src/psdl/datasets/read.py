"""A folder -> its samples: finds the layout that recognises it, reads it, says which one it was."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from psdl._util import plugins
from psdl.datasets import files, remote
from psdl.errors import PsdlError
from psdl.input import urls
from psdl.types import InputRule, Sample

ORDER = (
    "mtd",
    "kolektor",
    "visa",
    "manifest",
    "btad",
    "kolektor2",
    "mvtec",
    "plain",
)  # the most particular first; others come before plain

TABLES = (".csv", ".jsonl", ".txt")  # files that name images


class Found(NamedTuple):
    """layout: its name; reason: what it was recognised by; rule: the paper's input rule for it."""

    layout: str
    reason: str
    samples: tuple[Sample, ...]
    rule: InputRule


def read(root: str | Path, layout: str | None = None) -> Found:
    """All samples below the folder `root`, or those that a table or list of images names, by name.

    The root may be a URL, see `remote`. Raises PsdlError on a missing or empty folder, and on a file that is
    neither table nor list.
    """
    root = remote.local(root)
    if not root.exists():
        raise PsdlError(f"no folder {root}: give the folder that holds the images")
    if root.is_file() and root.suffix.lower() not in TABLES:
        raise PsdlError(
            f"{root} is a file, but a folder of images was expected: give its folder, or a table of images"
            f" ({', '.join(TABLES)})"
        )
    for name in [layout] if layout else _order():
        module = plugins.load("datasets/formats", name)
        reason = module.recognise(root)
        if reason:
            samples = tuple(sorted(module.read(root), key=lambda s: (s.category, s.name)))
            if not samples:
                break
            return Found(name, reason, samples, module.rule(samples))
    kind = f" laid out as {layout!r}" if layout else ""
    raise PsdlError(
        f"no images{kind} in {root}: expected {', '.join(sorted(files.EXTENSIONS))} files,"
        " or folders CATEGORY/train/good and CATEGORY/test/KIND"
    )


def listed(paths: Sequence[str]) -> tuple[Sample, ...]:
    """Samples of image files and of folders, in the order given, named by their paths.

    What URLs name stays there, to be read as it is needed, unless they are chained; see `urls`. Raises PsdlError
    on a missing one.
    """
    found: list[Sample] = []
    for path in paths:
        if urls.is_url(path) and not urls.chained(path):
            found += _streamed(path)
            continue
        path = str(remote.local(path))
        if Path(path).is_dir() or (Path(path).is_file() and Path(path).suffix.lower() in TABLES):
            found += [replace(sample, name=sample.path) for sample in read(path).samples]
        elif Path(path).is_file():
            found.append(Sample(path, path, "images"))
        else:
            raise PsdlError(f"no file or folder {path}: give the path of an image or of a folder of images")
    return tuple(found)


def _streamed(url: str) -> list[Sample]:
    """The samples below a URL, with URLs for paths and names."""
    with remote.names(url) as root:
        if root.is_file() and files.is_image(root):
            return [Sample(url, url, "images")]
        samples = read(root).samples
    base = url.rstrip("/")
    paths = [f"{base}/{Path(sample.path).relative_to(root).as_posix()}" for sample in samples]
    return [replace(sample, path=path, name=path, mask=None) for sample, path in zip(samples, paths, strict=True)]


def _order() -> list[str]:
    known = plugins.names("datasets/formats")
    others = [n for n in known if n not in ORDER]
    return [*ORDER[:-1], *others, ORDER[-1]]


def choose(samples: Sequence[Sample], categories: Sequence[str]) -> tuple[Sample, ...]:
    """The samples of the named categories; all if none is named. Raises PsdlError on an unknown name."""
    known = sorted({s.category for s in samples})
    for name in categories:
        if name not in known:
            raise plugins.unknown("category", name, known)
    return tuple(s for s in samples if not categories or s.category in categories)


def with_parts(samples: Sequence[Sample], pattern: str | None) -> tuple[Sample, ...]:
    """The samples, those whose name `pattern` matches (anywhere) being views of the part that its first group
    names. Raises PsdlError on a pattern that is none, that has no group, or that matches no name."""
    found = _matches(samples, pattern, "parts", "part") if pattern else [None] * len(samples)
    return tuple(replace(s, part=name) if name else s for s, name in zip(samples, found, strict=True))


def with_items(samples: Sequence[Sample], pattern: str | None) -> tuple[Sample, ...]:
    """The samples, those whose name `pattern` matches (anywhere) showing the item that its first group names.
    Raises PsdlError like `with_parts`."""
    found = _matches(samples, pattern, "items", "item") if pattern else [None] * len(samples)
    return tuple(replace(s, group=name) if name else s for s, name in zip(samples, found, strict=True))


def _matches(samples: Sequence[Sample], pattern: str, option: str, what: str) -> list[str | None]:
    """What the first group of a pattern matches of each sample's name, None where it does not match."""
    try:
        found = re.compile(pattern)
    except re.error as error:
        raise PsdlError(f"`{option}` {pattern!r} is no regular expression ({error}): correct it") from None
    if found.groups < 1:
        raise PsdlError(
            f"`{option}` {pattern!r} has no group that names the {what}: put (round brackets) about it"
        )
    matches = [found.search(sample.name) for sample in samples]
    if not any(matches):
        raise PsdlError(
            f"`{option}` {pattern!r} matches none of {len(samples)} names, such as {samples[0].name!r}"
        )
    return [match[1] if match else None for match in matches]


def without(
    samples: Sequence[Sample], drop: str | Path | Sequence[str] | None
) -> tuple[tuple[Sample, ...], tuple[str, ...]]:
    """The samples but for those that `drop` names: a list of names, or a text file with one name a line; and the
    names. Raises PsdlError on a file that cannot be read and on a name that is not there."""
    if drop is None:
        return tuple(samples), ()
    lines = _names_in(Path(drop)) if isinstance(drop, (str, Path)) else drop
    names, known = {line.strip() for line in lines if line.strip()}, {s.name for s in samples}
    where = drop if isinstance(drop, (str, Path)) else "the list of images to leave out"
    for name in sorted(names - known):
        near = difflib.get_close_matches(name, known, n=1, cutoff=0) or [""]
        raise PsdlError(
            f"{where} names {name!r}, which is no image to learn from: the nearest name is {near[0]!r}"
        )
    return tuple(s for s in samples if s.name not in names), tuple(sorted(names))


def _names_in(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise PsdlError(f"{file} cannot be read ({error}): give a text file, one image name a line") from None
