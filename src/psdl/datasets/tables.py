"""Reads samples from tables of images."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from psdl.datasets import paths, words
from psdl.datasets.rows import existing, table
from psdl.datasets.tree import DEFECT, UNSURE, settled
from psdl.errors import PsdlError
from psdl.input import masks as reading
from psdl.types import Sample

COLUMNS = ("path", "mask", "label", "split", "group")
SEVERAL = "|"  # separates the masks of one image


def split_file(root: Path, category: str) -> Iterator[Sample]:
    """Yields the samples of `root/split.csv`, which must have all of COLUMNS. Raises PsdlError like `manifest`."""
    return manifest(root / "split.csv", category, COLUMNS)


def manifest(path: Path, category: str, columns: Sequence[str] = ("path",)) -> Iterator[Sample]:
    """Yields the samples of a CSV file, or of a file with one JSON object a line. It must have `columns`. These
    are known:

    - `path` is an image and `mask` its mask, from the table's folder on; several masks are separated by `|`.
    - `label` is a word for good or defective, 0 for good, 1 for defective, or the name of a defect; empty if
      unknown.
    - `split` is a word for train, test or validation; it may be empty if `columns` does not have it.
    - `group` is the item that the image shows.
    - `category` is the category; if empty or missing, the one given.
    - `part` is the same for all views of one part.

    Raises PsdlError on a missing column, a wrong value, a missing file, and rows that contradict each other.
    """
    yield from paths.labelled(_samples(path, category, columns), path)


def _samples(path: Path, category: str, columns: Sequence[str]) -> list[Sample]:
    """Returns the samples as the rows state them. If no row has a label, the masks that rows name label them."""
    found = table(path, columns)
    sides = [_side(path, line, row, "split" in columns) for line, row in found.rows]
    files = [existing(path, line, path.parent, row["path"]) for line, row in found.rows]
    categories = [_category(path, line, row.get("category") or category) for line, row in found.rows]
    _check_twice(path, files, [(line, row.get("label", "")) for line, row in found.rows])
    marked = _marked(path, found.rows)
    certain = any(_plainly_good(row.get("label", "")) for _, row in found.rows)
    samples = []
    tested = {name for name, side in zip(categories, sides, strict=True) if side == "test"}
    for n, name in enumerate(paths.names(files, path.parent)):
        line, row = found.rows[n]
        label = row.get("label", "") or marked.get(line, "")
        unsure = (certain and _open(label)) or words.meaning(label).doubtful or label == UNSURE
        unsure |= words.meaning(label).role == "mask"
        bad = bool(label) and words.label(label) != "good"
        samples.append(
            Sample(
                path=files[n],
                name=name,
                category=categories[n],
                split=settled(sides[n], bad, categories[n] in tested),
                label=int(bad) if label and not unsure else None,
                kind=UNSURE if unsure else _kind(label) if bad else "good" if label else "",
                mask=masks(path, line, row.get("mask", ""), bad and not unsure),
                group=row.get("group") or None,
                part=row.get("part") or None,
            )
        )
    return samples


def _plainly_good(label: str) -> bool:
    """Returns whether a label says good and nothing that makes it doubtful, as `OK?` and `almost good` do."""
    return words.label(label) == "good" and words.meaning(label).plain


def _open(label: str) -> bool:
    """Returns whether a label says good, but not plainly."""
    return words.label(label) == "good" and not _plainly_good(label)


def _check_twice(path: Path, files: Sequence[str], labels: Sequence[tuple[int, str]]) -> None:
    """Raises PsdlError if one row calls a file good and another calls it defective. `labels` are the line and
    label of each."""
    seen: dict[str, tuple[int, str]] = {}
    for file, (line, label) in zip(files, labels, strict=True):
        first, before = seen.setdefault(os.path.realpath(file), (line, label)) if label else (line, label)
        if (words.label(label) == "good") != (words.label(before) == "good"):
            raise PsdlError(
                f"{path} line {line}: label is {label!r}, but {before!r} in line {first} for the same file:"
                " correct one"
            )


def _marked(path: Path, rows: Sequence[tuple[int, Mapping[str, str]]]) -> dict[int, str]:
    """Returns, by line, what masks say of rows if none has a label: "1" if they mark anything, "0" if not, and
    UNSURE without a mask; otherwise nothing. Raises PsdlError if a mask marks something in an image that is
    labelled good."""
    labelled = any(row.get("label") for _, row in rows)
    if not any(row.get("mask") for _, row in rows):
        return {}
    found = {}
    for line, row in rows:
        any_ = _draws(masks(path, line, row.get("mask", ""), True))
        if labelled and any_ and words.label(row.get("label", "")) == "good":
            raise PsdlError(
                f"{path} line {line}: label is {row['label']!r}, but its mask {row['mask']} marks a defect:"
                " correct one"
            )
        if not labelled:
            found[line] = UNSURE if any_ is None else str(int(any_))
    return found


def _draws(mask: str | tuple[str, ...] | None) -> bool | None:
    """Returns whether masks mark anything; None if there is none or one cannot be read."""
    if not mask:
        return None
    try:
        return any(bool(reading.marked(one).any()) for one in ((mask,) if isinstance(mask, str) else mask))
    except PsdlError:
        return None


def _side(path: Path, line: int, row: Mapping[str, str], needed: bool) -> words.Split | None:
    """Returns the split that a row names; None if it is empty. Raises PsdlError if it is another word, or empty
    but needed."""
    split = row.get("split", "")
    found = words.split(split) if split else None
    if found is None and (split or needed):
        raise PsdlError(f"{path} line {line}: split is {split!r}, expected train or test")
    return found


def _kind(label: str) -> str:
    """Returns the name of the defect from a label that is not good; DEFECT for one that is a number."""
    return DEFECT if label in words.VALUES else label


def masks(path: Path, line: int, value: str, bad: bool) -> str | tuple[str, ...] | None:
    """Returns the mask or masks that a row names, as in `Sample.mask`; None if it names none or the image is not
    `bad`, that is, defective. Raises PsdlError if a file is not there."""
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


def _category(path: Path, line: int, name: str) -> str:
    """Returns the name of a category. Raises PsdlError if it cannot be the name of a folder."""
    if name in (".", "..") or set(name) & set("/\\:\0") or name != name.strip():
        raise PsdlError(
            f"{path} line {line}: category is {name!r}, expected a plain name without / \\ : or dots alone"
        )
    return name
