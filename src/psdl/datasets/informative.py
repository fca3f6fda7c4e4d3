"""Decides whether what files say about images could distinguish good images from defective ones.

What is the same for all images distinguishes nothing, unless it says that they are defective. Neither does a file
that calls all images good.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from functools import lru_cache

from psdl.datasets import columns, labels, words
from psdl.datasets.records import Record

__all__ = ["divides", "says_good", "speaks"]

# Names under which defects are marked.
MARKING = (columns.MARKS - {"region"}) | {
    "bndbox",
    "shape",
    "rectangle",
    "rectanglelabels",
    "annotation",
    "encodedpixels",
}
# Words that stand in files that label images, besides those of `words.toml`.
SPEAKING = MARKING | {"object", "region", "choices", "class", "classes", "category", "categories"}
# Values that mark nothing or answer no.
NOTHING = frozenset({"", "0", "0.0", "[]", "{}", "none", "null", "nil", "nan", "-"}) | labels.FALSE
NUMBERS = re.compile(r"[\s\d.,;eE+-]*\d[\s\d.,;eE+-]*")
NO_LABELS = frozenset({"rms", "reprojection", "calibration", "residual"})  # words for errors of measurement
LONG = 3  # numbers in a value, at most; more are a place in the image


@lru_cache(maxsize=65536)
def speaks(word: str) -> bool:
    """Returns whether a word is one of those that stand in files that label images."""
    return word in SPEAKING or words.meaning(word).role is not None


def divides(list_name: str, records: Sequence[Record], pool: Collection[str], good: bool) -> bool:
    """Returns whether what is said about some images of a pool could distinguish good ones from others.

    `list_name` is the name of the file without its extension; empty if it is one of several. `records` are what it
    says. `good` means that the folders of all images of the pool say good. Then kinds of parts, and marks in all
    images, distinguish nothing.
    """
    if not records:
        return False
    whole = {one.image for one in records} >= set(pool)
    columns = _columns(records)
    taken_out = not whole and bool(set(words.parts(list_name)) & words.TAKEN_OUT)
    if taken_out or _called(list_name, columns, whole or good):
        return True
    again = len({one.image for one in records}) < len(records)
    if {"x", "y"} <= {key.casefold() for key in columns} and (again or not (whole or good)):
        return True  # places in some images, or several in one
    if not list_name and not (whole or good) and any(map(NUMBERS.fullmatch, columns.get("", ()))):
        return True
    return any(
        _column(key, values, whole, good, len(columns) == 1 or key.isdigit()) for key, values in columns.items()
    )


def says_good(record: Record) -> bool:
    """Returns whether something calls an image good and nothing calls it defective."""
    said = {_says(key, value) for key, value in record.values.items()}
    return "good" in said and "bad" not in said


def _columns(records: Sequence[Record]) -> dict[str, Counter[str]]:
    """Returns how often each value occurs under each name. Records without the name count as an empty value."""
    columns: dict[str, Counter[str]] = defaultdict(Counter)
    for one in records:
        for key, value in one.values.items():
            columns[key][value] += 1
    for values in columns.values():
        if missing := len(records) - values.total():
            values[""] += missing
    return columns


def _called(name: str, columns: Collection[str], whole: bool) -> bool:
    """Returns whether the name of a list says what it names: defective images, if no column's name says good or
    bad; or good images or masks, if these are not the `whole` pool."""
    said = words.meaning(name)
    if said.graded == "bad":
        return not any(words.meaning(key).graded for key in columns)
    return not whole and (said.graded == "good" or (said.role == "mask" and not columns))


def _column(key: str, values: Counter[str], whole: bool, good: bool, alone: bool) -> bool:
    """Returns whether the values under one name could distinguish images.

    `values` has how often each occurs. `whole` means that the file names all images of the pool; `good` is that of
    `divides`. `alone` means that there is no other name, or that this one is only the number of a column.
    """
    said = {_says(key, value) for value in values}
    if set(words.parts(key)) & NO_LABELS:
        return False
    marks = bool(set(words.parts(key)) & MARKING or words.plain(key) in MARKING)
    same, first = len(values) == 1, next(iter(values))
    if "bad" in said:
        return True
    if "good" in said:
        return len(said) > 1 or not (whole or good)
    if marks and not good:
        return not (whole and same and first.casefold() in NOTHING)
    if marks:
        return len({value.casefold() in NOTHING for value in values}) > 1 or not whole
    if any(map(speaks, {part for text in (key, *values) for part in words.parts(text)})):
        return not whole or (not same and not good)
    if good and key and not labels.telling(key):
        return False  # such a column has kinds of parts
    return not same and (
        _numbers(key, values, alone)
        or labels.could_hold(key, {labels.said(value) for value in values}, values.total())
    )


def _says(key: str, value: str) -> str | None:
    """Returns "good" or "bad" as a name and its value say; None if they say neither."""
    asks, folded = words.meaning(key).graded, value.strip().casefold()
    if asks and folded in NOTHING and (asks == "bad" or folded):
        return "good" if asks == "bad" else "bad"
    said = words.meaning(value)
    return ("bad" if said.both else said.graded) or (asks if folded else None)


def _numbers(key: str, values: Counter[str], alone: bool) -> bool:
    """Returns whether different numbers could be labels or places in images.

    They could be labels if nothing else is said, the name is not neutral, and there are few different ones. Values
    of more than LONG numbers are places if other images have none.
    """
    full = {value for value in values if value}
    if not full or not all(NUMBERS.fullmatch(value) for value in full):
        return False
    if any(len(re.findall(r"\d+", value)) > LONG for value in full):
        return "" in values
    known = words.meaning(key).neutral and len(key) > 1
    return alone and not known and len(full) <= max(2, min(labels.MOST, values.total() // 2))
