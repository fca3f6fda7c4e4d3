"""A folder with a split.csv (path, label, split; mask and group where there are), or a CSV, TSV or JSONL file that
names images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from psdl.datasets import tables
from psdl.types import InputRule, Sample


def recognise(root: Path) -> str | None:
    if root.is_file():
        return "a table of images" if root.suffix.lower() in (".csv", ".tsv", ".jsonl") else None
    return "file split.csv" if (root / "split.csv").is_file() else None


def read(root: Path) -> Iterator[Sample]:
    if root.is_file():
        return tables.manifest(root, root.resolve().parent.name)
    return tables.manifest(root / "split.csv", root.resolve().name, ("path", "label", "split"))


def rule(samples: Sequence[Sample]) -> InputRule:
    return InputRule(resize=(256, 256), filter="lanczos")
