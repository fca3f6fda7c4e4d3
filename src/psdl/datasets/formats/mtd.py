"""Reads the magnetic tile defects (Huang, Qiu, Yuan 2020): images MT_Free/Imgs and MT_KIND/Imgs, and a split.csv.

The data set comes without a split, so the user writes split.csv, with all of `tables.COLUMNS`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from psdl.datasets import tables
from psdl.errors import PsdlError
from psdl.types import InputRule, Sample


def recognise(root: Path) -> str | None:
    """Returns the folder MT_Free/Imgs as what the layout is recognised by; None if there is none."""
    return "folder MT_Free/Imgs" if (root / "MT_Free" / "Imgs").is_dir() else None


def read(root: Path) -> Iterator[Sample]:
    """Yields the samples of split.csv. Raises PsdlError if it is missing, and like `tables.manifest`."""
    if not (root / "split.csv").is_file():
        raise PsdlError(
            f"no split.csv in {root}: MTD has no split of its own, write one with the columns"
            f" {', '.join(tables.COLUMNS)} that keeps pictures of one tile on one side"
        )
    return tables.split_file(root, "mtd")


def rule(samples: Sequence[Sample]) -> InputRule:
    """Returns the input rule of the layout: both sides resized to 256 pixels."""
    return InputRule(resize=(256, 256), filter="lanczos")
