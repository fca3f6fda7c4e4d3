"""Which files are images, and how masks and split files are read from a folder."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from psdl.errors import PsdlError
from psdl.types import Sample

EXTENSIONS = frozenset({"png", "jpg", "jpeg", "bmp", "tif", "tiff", "webp", "gif", "ppm", "pgm"})
COLUMNS = ("path", "mask", "label", "split", "group")


def is_image(path: Path) -> bool:
    """By extension in any case; hidden files are none."""
    return path.suffix[1:].lower() in EXTENSIONS and not path.name.startswith(".")


def images(folder: Path, *, deep: bool = False) -> list[Path]:
    """The image files of a folder, sorted; with `deep`, of the folders below it as well."""
    if not folder.is_dir():
        return []
    paths = folder.rglob("*") if deep else folder.iterdir()
    return sorted(p for p in paths if is_image(p) and p.is_file() and not _hidden(p, folder))


def _hidden(path: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(root).parts)


def masks_by_stem(folder: Path) -> dict[str, Path]:
    """Masks of a folder under the stems of their images: `000_mask.png` and `000.png` both serve `000`."""
    return {p.stem.removesuffix("_mask"): p for p in images(folder)}


def split_file(root: Path, category: str) -> Iterator[Sample]:
    """Samples of `root/split.csv` with the columns path, mask, label, split, group.

    label `good` is good, anything else names a defect. Columns category and part may follow: without the first
    `category` stands; rows with one `part` are views of one part. Raises PsdlError on a missing column or file.
    """
    path = root / "split.csv"
    with path.open(newline="", encoding="utf-8") as lines:
        rows = csv.DictReader(lines)
        missing = [c for c in COLUMNS if c not in (rows.fieldnames or [])]
        if missing:
            raise PsdlError(f"{path} lacks the column {missing[0]!r}: its columns must be {', '.join(COLUMNS)}")
        for line, row in enumerate(rows, 2):
            if row["split"] not in ("train", "test"):
                raise PsdlError(f"{path} line {line}: split is {row['split']!r}, expected train or test")
            for column in ("path", "mask"):
                if row[column] and not (root / row[column]).is_file():
                    raise PsdlError(f"{path} line {line}: no file {row[column]} below {root}")
            good = row["label"] == "good"
            yield Sample(
                path=str(root / row["path"]),
                name=row["path"],
                category=row.get("category") or category,
                split="train" if row["split"] == "train" else "test",
                label=0 if good else 1,
                kind=row["label"],
                mask=str(root / row["mask"]) if row["mask"] and not good else None,
                group=row["group"] or None,
                part=row.get("part") or None,
            )
