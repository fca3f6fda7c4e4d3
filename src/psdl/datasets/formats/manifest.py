"""Reads a folder with a table split.csv, or a table of images that is given itself as CSV, TSV or JSONL. See
`tables.manifest` for its columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from psdl.datasets import rows, tables
from psdl.types import InputRule, Sample

SHOWN = 8  # columns that are named as not read, at most


def recognise(root: Path) -> str | None:
    """Returns the table as what the layout is recognised by, and which of its columns are not read; None if there
    is none. Raises PsdlError if the table cannot be read."""
    if root.is_file():
        return f"a table of images{_unread(root)}" if root.suffix.lower() in (".csv", ".tsv", ".jsonl") else None
    split = root / "split.csv"
    return f"file split.csv{_unread(split)}" if split.is_file() else None


def _unread(path: Path) -> str:
    """Returns the names of the columns of a table that are ignored, as part of a sentence; empty if there are
    none."""
    ignored = rows.table(path, ("path",)).ignored
    more = f" and {len(ignored) - SHOWN} more" if len(ignored) > SHOWN else ""
    return f", of which these columns are not read: {', '.join(ignored[:SHOWN])}{more}" if ignored else ""


def read(root: Path) -> Iterator[Sample]:
    """Yields the samples of the table. A split.csv must have the columns path, label and split; a table that is
    given itself needs only path. Raises PsdlError like `tables.manifest`."""
    if root.is_file():
        return tables.manifest(root, root.resolve().parent.name)
    return tables.manifest(root / "split.csv", root.resolve().name, ("path", "label", "split"))


def rule(samples: Sequence[Sample]) -> InputRule:
    """Returns the input rule of the layout: both sides resized to 256 pixels."""
    return InputRule(resize=(256, 256), filter="lanczos")
