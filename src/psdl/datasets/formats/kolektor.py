"""KolektorSDD (Tabernik et al. 2020): kosNN/PartM.jpg with kosNN/PartM_label.bmp, with a split file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from psdl.datasets import tables
from psdl.errors import PsdlError
from psdl.types import InputRule, Sample


def recognise(root: Path) -> str | None:
    return "folders kosNN" if any(p.is_dir() for p in root.glob("kos[0-9][0-9]")) else None


def read(root: Path) -> Iterator[Sample]:
    if not (root / "split.csv").is_file():
        raise PsdlError(
            f"no split.csv in {root}: KolektorSDD has no split of its own, write one with the columns"
            f" {', '.join(tables.COLUMNS)} that keeps parts of one item on one side"
        )
    return tables.split_file(root, "kolektorsdd")


def rule(samples: Sequence[Sample]) -> InputRule:
    return InputRule(crop=(1000, 500), resize=(500, 250), filter="lanczos")
