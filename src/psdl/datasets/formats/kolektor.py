"""Reads KolektorSDD (Tabernik et al. 2020): images kosNN/PartM.jpg with masks kosNN/PartM_label.bmp, and a
split.csv.

The data set comes without a split, so the user writes split.csv, with all of `tables.COLUMNS`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from psdl.datasets import tables
from psdl.errors import PsdlError
from psdl.types import InputRule, Sample


def recognise(root: Path) -> str | None:
    """Returns the names of the folders kosNN as what the layout is recognised by; None if there is none."""
    return "folders kosNN" if any(p.is_dir() for p in root.glob("kos[0-9][0-9]")) else None


def read(root: Path) -> Iterator[Sample]:
    """Yields the samples of split.csv. Raises PsdlError if it is missing, and like `tables.manifest`."""
    if not (root / "split.csv").is_file():
        raise PsdlError(
            f"no split.csv in {root}: KolektorSDD has no split of its own, write one with the columns"
            f" {', '.join(tables.COLUMNS)} that keeps parts of one item on one side"
        )
    return tables.split_file(root, "kolektorsdd")


def rule(samples: Sequence[Sample]) -> InputRule:
    """Returns the input rule of the layout: the middle 1000 x 500 pixels (height x width), resized to 500 x 250.
    It cuts away borders."""
    return InputRule(crop=(1000, 500), resize=(500, 250), filter="lanczos")
