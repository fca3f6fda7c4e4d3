"""Reads VisA (Zou et al. 2022): images CATEGORY/Data/Images/Normal and Anomaly, with the split of
split_csv/1cls.csv."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from psdl.datasets import rows
from psdl.types import InputRule, Sample

SPLIT = Path("split_csv") / "1cls.csv"
COLUMNS = ("object", "split", "label", "image", "mask")


def recognise(root: Path) -> str | None:
    """Returns the split file as what the layout is recognised by; None if there is none."""
    return f"file {SPLIT.as_posix()}" if (root / SPLIT).is_file() else None


def read(root: Path) -> Iterator[Sample]:
    """Yields the samples of the split file. It does not name kinds of defects, so each defective image is an
    `anomaly`. Raises PsdlError if the file cannot be read, has an unknown label or split, or names a missing
    file."""
    for line, row in rows.table(root / SPLIT, COLUMNS, {name: (name,) for name in COLUMNS}).rows:
        bad = row["label"] != "normal"
        rows.one_of(root / SPLIT, line, "label", row["label"], ("normal", "anomaly"))
        rows.one_of(root / SPLIT, line, "split", row["split"], ("train", "test"))
        yield Sample(
            path=rows.existing(root / SPLIT, line, root, row["image"]),
            name=row["image"],
            category=row["object"],
            split="train" if row["split"] == "train" else "test",
            label=int(bad),
            kind="anomaly" if bad else "good",
            mask=rows.existing(root / SPLIT, line, root, row["mask"]) if bad and row["mask"] else None,
        )


def rule(samples: Sequence[Sample]) -> InputRule:
    """Returns the input rule of the layout: both sides resized to 256 pixels."""
    return InputRule(resize=(256, 256), filter="lanczos")
