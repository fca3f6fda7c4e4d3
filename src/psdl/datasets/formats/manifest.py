"""A folder with a split.csv (path, label, split; mask and group where there are), or a CSV, TSV or JSONL file that
names images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from psdl.datasets import rows, tables
from psdl.types import InputRule, Sample

SHOWN = 8  # columns that are named


def recognise(root: Path) -> str | None:
    if root.is_file():
        return f"a table of images{_unread(root)}" if root.suffix.lower() in (".csv", ".tsv", ".jsonl") else None
    split = root / "split.csv"
    return f"file split.csv{_unread(split)}" if split.is_file() else None


def _unread(path: Path) -> str:
    """The columns of a table that say nothing here, as part of a sentence."""
    ignored = rows.table(path, ("path",)).ignored
    more = f" and {len(ignored) - SHOWN} more" if len(ignored) > SHOWN else ""
    return f", of which these columns are not read: {', '.join(ignored[:SHOWN])}{more}" if ignored else ""


def read(root: Path) -> Iterator[Sample]:
    if root.is_file():
        return tables.manifest(root, root.resolve().parent.name)
    return tables.manifest(root / "split.csv", root.resolve().name, ("path", "label", "split"))


def rule(samples: Sequence[Sample]) -> InputRule:
    return InputRule(resize=(256, 256), filter="lanczos")
