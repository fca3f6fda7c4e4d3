"""What files say of images -> whether that could tell good ones from others.

What says the same of every image tells none from others, unless it says that they are defective; nor does what
says good of all."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from functools import lru_cache

from psdl.datasets import columns, labels, words
from psdl.datasets.records import Record

__all__ = ["divides", "says_good", "speaks"]

MARKING = (columns.MARKS - {"region"}) | {
    "bndbox",
    "shape",
    "rectangle",
    "rectanglelabels",
    "annotation",
    "encodedpixels",
}
SPEAKING = MARKING | {"object", "region", "choices", "class", "classes", "category", "categories"}
# words of files that label images, beside those of `words.toml`
NOTHING = frozenset({"", "0", "0.0", "[]", "{}", "none", "null", "nil", "nan", "-"}) | labels.FALSE
NUMBERS = re.compile(r"[\s\d.,;eE+-]*\d[\s\d.,;eE+-]*")
TAKEN_OUT = frozenset(
    {"exclude", "excluded", "ignore", "ignored", "skip", "skipped", "blacklist", "delete", "deleted", "remove"}
    | {"removed", "rework", "retest", "recheck", "review", "nacharbeit", "aussortiert", "gesperrt", "complaints"}
    | {"complaint", "reklamation", "suspect", "suspects", "verdacht", "unsure", "borderline", "grenzmuster"}
    | {"positives", "outliers"}
)  # words in the names of lists of images that are not for learning
NO_LABELS = frozenset({"rms", "reprojection", "calibration", "residual"})  # words of errors of measuring
LONG = 3  # numbers in a value that is no measurement, but a place


@lru_cache(maxsize=65536)
def speaks(word: str) -> bool:
    """Whether a word stands in files that label images."""
    return word in SPEAKING or words.meaning(word).role is not None


def divides(list_name: str, records: Sequence[Record], pool: Collection[str], good: bool) -> bool:
    """Whether what is said of some images of a pool could tell good ones of it from others.

    list_name: the name of the file without its ending, empty where it is one of many. good: whether folders say
    that all of the pool are good; then what names kinds of parts, and marks in all of them, tell nothing."""
    if not records:
        return False
    whole = {one.image for one in records} >= set(pool)
    columns = _columns(records)
    taken_out = not whole and bool(set(words.parts(list_name)) & TAKEN_OUT)
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
    """Whether something says plainly of an image that it is good, and nothing that it is not."""
    said = {_says(key, value) for key, value in record.values.items()}
    return "good" in said and "bad" not in said


def _columns(records: Sequence[Record]) -> dict[str, Counter[str]]:
    """How often each value comes, by name; nothing where a name is not given."""
    columns: dict[str, Counter[str]] = defaultdict(Counter)
    for one in records:
        for key, value in one.values.items():
            columns[key][value] += 1
    for values in columns.values():
        if missing := len(records) - values.total():
            values[""] += missing
    return columns


def _called(name: str, columns: Collection[str], whole: bool) -> bool:
    """Whether a list is called after what it names: defective ones, or good ones that are not all."""
    said = words.meaning(name)
    if said.graded == "bad":
        return not any(words.meaning(key).graded for key in columns)
    return not whole and (said.graded == "good" or (said.role == "mask" and not columns))


def _column(key: str, values: Counter[str], whole: bool, good: bool, alone: bool) -> bool:
    """Whether the values of one name tell images from others. alone: whether nothing else is said, or
    not under a name."""
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
        return False  # what tells kinds of parts, not good ones
    return not same and (
        _numbers(key, values, alone)
        or labels.could_hold(key, {labels.said(value) for value in values}, values.total())
    )


def _says(key: str, value: str) -> str | None:
    """What a name and its value say: good or bad, if they do."""
    asks, folded = words.meaning(key).graded, value.strip().casefold()
    if asks and folded in NOTHING and (asks == "bad" or folded):
        return "good" if asks == "bad" else "bad"
    said = words.meaning(value)
    return ("bad" if said.both else said.graded) or (asks if folded else None)


def _numbers(key: str, values: Counter[str], alone: bool) -> bool:
    """Whether numbers that differ could be labels or places: the only ones, 0 and 1 or a few others in a column
    that is not known; or long rows of them, where others have none."""
    full = {value for value in values if value}
    if not full or not all(NUMBERS.fullmatch(value) for value in full):
        return False
    if any(len(re.findall(r"\d+", value)) > LONG for value in full):
        return "" in values
    known = words.meaning(key).neutral and len(key) > 1
    return alone and not known and len(full) <= max(2, min(labels.MOST, values.total() // 2))
