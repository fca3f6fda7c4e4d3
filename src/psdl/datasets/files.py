"""Which files are images, and how masks and split files are read from a folder."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from psdl.errors import PsdlError
from psdl.types import Sample

EXTENSIONS = frozenset({"png", "jpg", "jpeg", "bmp", "tif", "tiff", "webp", "gif", "ppm", "pgm"})
COLUMNS = ("path", "mask", "label", "split", "group")


def is_image(path: Path) -> bool:
    """By extension in any case; hidden files are none."""
    return path.suffix[1:].lower() in EXTENSIONS and not path.name.startswith(".")


def images(folder: Path, *, deep: bool = False) -> list[Path]:
    """The files of a folder that are images by their names, sorted; with `deep`, of the folders below it as well,
    but not through links to folders. Links that lead nowhere are among them, for a later step to name.

    Raises PsdlError on a folder that cannot be opened.
    """
    found: list[Path] = []
    if not folder.is_dir():
        return found
    for inside, folders, names in os.walk(folder, onerror=_closed):
        folders[:] = [name for name in folders if deep and not name.startswith(".")]
        found += [Path(inside) / name for name in names if is_image(Path(name))]
    return sorted(found)


def _closed(error: OSError) -> None:
    raise PsdlError(f"the folder {error.filename} cannot be opened ({error.strerror}): allow it or remove it")


def masks_by_stem(folder: Path) -> dict[str, Path]:
    """Masks of a folder under the stems of their images: `000_mask.png` and `000.png` both serve `000`."""
    return {p.stem.removesuffix("_mask"): p for p in images(folder)}


def split_file(root: Path, category: str) -> Iterator[Sample]:
    """Samples of `root/split.csv`, see `manifest`, which must have all of `COLUMNS`."""
    return manifest(root / "split.csv", category, COLUMNS)


def manifest(path: Path, category: str, columns: Sequence[str] = ("path",)) -> Iterator[Sample]:
    """Samples of a CSV file, or of one with a JSON object a line (.jsonl), with at least `columns`.

    path and mask: files, from the manifest's folder on; label: `good`, a defect's name, or empty if unknown;
    split: train, test, or empty; group: the item that is shown; category (`category` if there is none); part: rows
    with one are views of one part. Raises PsdlError on a missing column, a wrong value or a missing file.
    """
    for line, row in rows(path, columns):
        split, label = row.get("split", ""), row.get("label", "")
        one_of(path, line, "split", split, ("train", "test") if "split" in columns else ("train", "test", ""))
        bad = label not in ("good", "")
        mask = existing(path, line, path.parent, row["mask"]) if row.get("mask") else None
        yield Sample(
            path=existing(path, line, path.parent, row["path"]),
            name=row["path"],
            category=row.get("category") or category,
            split="train" if split == "train" else "test" if split == "test" else "none",
            label=int(bad) if label else None,
            kind=label,
            mask=mask if bad else None,
            group=row.get("group") or None,
            part=row.get("part") or None,
        )


def existing(table: Path, line: int, root: Path, name: str) -> str:
    """The path of a file that a table names. Raises PsdlError if it is not there."""
    if not name or not (root / name).is_file():
        raise PsdlError(f"{table} line {line}: no file {name} below {root}")
    return str(root / name)


def one_of(table: Path, line: int, column: str, value: str, known: Sequence[str]) -> None:
    """Raises PsdlError on a value of a table's column that is not known."""
    if value not in known:
        raise PsdlError(f"{table} line {line}: {column} is {value!r}, expected {' or '.join(filter(None, known))}")


def rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a table with the lines they stand in; of a CSV file, or of one with a JSON object a line
    (.jsonl). Raises PsdlError on a file that cannot be read and on a column that it lacks."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise PsdlError(f"{path} cannot be read ({error}): give a file of UTF-8 text") from None
    if path.suffix.lower() == ".jsonl":
        read = _objects(path, lines)
        found = list(read[0][1]) if read else []
    else:
        reader = csv.DictReader(lines)
        found = list(reader.fieldnames or [])
        read = [(n, {k: v or "" for k, v in row.items() if k}) for n, row in enumerate(reader, 2)]
    missing = [c for c in columns if c not in found]
    if missing:
        raise PsdlError(f"{path} lacks the column {missing[0]!r}: its columns must be {', '.join(columns)}")
    return iter(read)


def _objects(path: Path, lines: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    found = []
    for n, text in enumerate(lines, 1):
        try:
            values = json.loads(text) if text.strip() else None
        except ValueError as error:
            raise PsdlError(f"{path} line {n} is no JSON ({error}): write one object a line") from None
        if values is not None and not isinstance(values, dict):
            raise PsdlError(f"{path} line {n} is no JSON object: write one object a line")
        if values:
            found.append((n, {key: "" if value is None else str(value) for key, value in values.items()}))
    return found
