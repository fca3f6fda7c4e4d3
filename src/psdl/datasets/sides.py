"""Finds the split of each row of a table in which no column has a usual name for splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psdl.datasets import columns, labels, words

__all__ = ["sides"]

ASKING = frozenset({"train", "training", "test", "testing", "val", "validation"})
ABOUT = frozenset(
    {"for", "in", "set", "split", "subset", "sample", "image", "data"}
)  # words beside those for splits
OTHER: dict[str, tuple[str, str]] = {  # the splits of yes and of no in a column that asks for a split
    "train": ("train", "test"),
    "test": ("test", "train"),
    "val": ("val", "train"),
}


def sides(header: Sequence[str], rows: Sequence[tuple[int, Mapping[str, str]]]) -> tuple[str, list[str]] | None:
    """Returns the name of the column that gives the splits and its entry for each row; None if there is no such
    column.

    `rows` have the line in which each row begins and its values by column. The first column of either kind is
    taken:

    - In a column such as `partition` all values name a split. The entries are these values; empty if a row has
      none.
    - The name of a column such as `is_train` asks for a split and for nothing else, and its values are yes and no.
      The entries are the names of splits; empty if a row has no value. `leak_test` and `is_valid` do not ask for a
      split, since they may hold results.
    """
    for key in header:
        values = [labels.said(row.get(key, "")) for _, row in rows]
        full = {value for value in values if value}
        if full and all(words.split(value) and words.meaning(value).plain for value in full):
            return key, values
        asked = _asked(key)
        if asked and full and all(labels.answer(value) is not None for value in full):
            yes, no = OTHER[asked]
            return key, ["" if not value else yes if labels.answer(value) else no for value in values]
    return None


def _asked(key: str) -> words.Split | None:
    """Returns the split that the name of a column asks for; None if it could ask for something else."""
    parts = [part for part in words.parts(key) if part not in columns.VERBS | ABOUT]
    alone = len(parts) == 1 and parts[0] in ASKING
    return words.split(key) if alone and (parts[0] == "train" or parts != words.parts(key)) else None
