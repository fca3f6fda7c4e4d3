"""Tables and lists of images -> samples."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from psdl.datasets import words
from psdl.datasets.rows import existing, table
from psdl.datasets.tree import DEFECT, settled
from psdl.errors import PsdlError
from psdl.types import Sample

COLUMNS = ("path", "mask", "label", "split", "group")
SEVERAL = "|"  # between the masks of one image


def split_file(root: Path, category: str) -> Iterator[Sample]:
    """Samples of `root/split.csv`, see `manifest`, which must have all of `COLUMNS`."""
    return manifest(root / "split.csv", category, COLUMNS)


def manifest(path: Path, category: str, columns: Sequence[str] = ("path",)) -> Iterator[Sample]:
    """Samples of a CSV file, or of one with a JSON object a line (.jsonl), with at least `columns`.

    path and mask: files, from the manifest's folder on; label: a word for good (`words.label`; 0), one for
    defective (1), a defect's name, or empty if unknown; split: a word for train, test or validation, or empty;
    group: the item that is shown; category (`category` if there is none); part: rows with one are views of
    one part. Raises PsdlError on a missing column, a wrong value or a missing file.
    """
    found = table(path, columns)
    sides = [_side(path, line, row, "split" in columns) for line, row in found.rows]
    files = [existing(path, line, path.parent, row["path"]) for line, row in found.rows]
    categories = [_category(path, line, row.get("category") or category) for line, row in found.rows]
    tested = {name for name, side in zip(categories, sides, strict=True) if side == "test"}
    for n, name in enumerate(names(files, path.parent)):
        line, row = found.rows[n]
        label = row.get("label", "")
        bad = bool(label) and words.label(label) != "good"
        yield Sample(
            path=files[n],
            name=name,
            category=categories[n],
            split=settled(sides[n], bad, categories[n] in tested),
            label=int(bad) if label else None,
            kind=_kind(label) if bad else "good" if label else "",
            mask=masks(path, line, row.get("mask", ""), bad),
            group=row.get("group") or None,
            part=row.get("part") or None,
        )


def _side(path: Path, line: int, row: Mapping[str, str], needed: bool) -> words.Split | None:
    """What a row's split says. Raises PsdlError on a value that says nothing, and on none where one is needed."""
    split = row.get("split", "")
    found = words.split(split) if split else None
    if found is None and (split or needed):
        raise PsdlError(f"{path} line {line}: split is {split!r}, expected train or test")
    return found


def _kind(label: str) -> str:
    """The defect's name; a value that only says defective is one."""
    return DEFECT if label in words.VALUES else label


def masks(path: Path, line: int, value: str, bad: bool) -> str | tuple[str, ...] | None:
    """The mask that a row names, or the several. Raises PsdlError on one that is not there."""
    if not value:
        return None
    try:
        found: tuple[str, ...] = (existing(path, line, path.parent, value),)
    except PsdlError:
        if SEVERAL not in value:
            raise
        found = tuple(existing(path, line, path.parent, one.strip()) for one in value.split(SEVERAL))
    if not bad:
        return None
    return found[0] if len(found) == 1 else found


def names(files: Sequence[str], root: Path) -> list[str]:
    """Names of files: their paths from `root` on, or from the folder above all of them where some lie outside, so
    that no name leads out of a folder of results."""
    whole = [os.path.abspath(file) for file in files]
    if not whole:
        return []
    base = os.path.abspath(root)
    if not all(Path(one).is_relative_to(base) for one in whole):
        try:
            base = os.path.commonpath([os.path.dirname(one) for one in whole])
        except ValueError:  # on different drives
            return [Path(one).relative_to(Path(one).anchor).as_posix() for one in whole]
    return [Path(one).relative_to(base).as_posix() for one in whole]


def _category(path: Path, line: int, name: str) -> str:
    """The name of a category, which folders are called by. Raises PsdlError on one that is no such name."""
    if name in (".", "..") or set(name) & set("/\\:\0") or name != name.strip():
        raise PsdlError(
            f"{path} line {line}: category is {name!r}, expected a plain name without / \\ : or dots alone"
        )
    return name
