"""A folder with a split.csv: path, mask, label, split, group, and category where there are several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from psdl.data import files
from psdl.types import InputRule, Sample


def recognise(root: Path) -> str | None:
    return "file split.csv" if (root / "split.csv").is_file() else None


def read(root: Path) -> Iterator[Sample]:
    return files.split_file(root, root.resolve().name)


def rule(samples: Sequence[Sample]) -> InputRule:
    return InputRule(resize=(256, 256), filter="lanczos")
