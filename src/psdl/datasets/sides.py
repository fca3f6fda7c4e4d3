"""Columns of a table -> what its rows are for, where no column is called as a split usually is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psdl.datasets import labels, words

__all__ = ["sides"]

OTHER: dict[str, tuple[str, str]] = {
    "train": ("train", "test"),
    "test": ("test", "train"),
    "val": ("val", "train"),
}


def sides(columns: Sequence[str], rows: Sequence[tuple[int, Mapping[str, str]]]) -> tuple[str, list[str]] | None:
    """The first column all of whose values say what a row is for, as `train` and `test` under `partition`, or that
    asks for it, as `is_train` with yes and no; and what each row is for, empty where it does not say."""
    for key in columns:
        values = [labels.said(row.get(key, "")) for _, row in rows]
        full = {value for value in values if value}
        if full and all(words.split(value) and words.meaning(value).plain for value in full):
            return key, values
        asked = words.split(key)
        if asked and full and all(labels.answer(value) is not None for value in full):
            yes, no = OTHER[asked]
            return key, ["" if not value else yes if labels.answer(value) else no for value in values]
    return None
