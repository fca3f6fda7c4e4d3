"""Magnetic tile defects (Huang, Qiu, Yuan 2020): MT_Free/Imgs and MT_<Kind>/Imgs, with a split file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from psdl.datasets import tables
from psdl.errors import PsdlError
from psdl.types import InputRule, Sample


def recognise(root: Path) -> str | None:
    return "folder MT_Free/Imgs" if (root / "MT_Free" / "Imgs").is_dir() else None


def read(root: Path) -> Iterator[Sample]:
    if not (root / "split.csv").is_file():
        raise PsdlError(
            f"no split.csv in {root}: MTD has no split of its own, write one with the columns"
            f" {', '.join(tables.COLUMNS)} that keeps pictures of one tile on one side"
        )
    return tables.split_file(root, "mtd")


def rule(samples: Sequence[Sample]) -> InputRule:
    return InputRule(resize=(256, 256), filter="lanczos")
