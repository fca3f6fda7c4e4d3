"""Finds the labels of a table's rows in columns without a usual name for labels, or raises an error that asks for
labels.

A column whose name says good or defective (`is_defect`, `ok`) and whose values are yes and no is read. Any other
column that could hold labels raises an error if the table has no labels, and may not contradict them if it has. In
all functions `path` is the table's file in messages, and `rows` are as in `Rows`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from psdl.datasets import words
from psdl.datasets.columns import GRADES, LEAVING, MARKS, NAMING, OPINIONS, SAID, SCORES, TAKING, TELLING, VERBS
from psdl.datasets.stems import OPPOSITES
from psdl.errors import PsdlError

__all__ = [
    "answer",
    "asked",
    "checked",
    "could_hold",
    "leaves_out",
    "left_out",
    "otherwise",
    "questions",
    "said",
    "telling",
]

Rows = Sequence[tuple[int, Mapping[str, str]]]  # the line in which each begins, and its values by column

UNKNOWN = frozenset(
    {"nan", "null", "none", "nil", "na", "n/a", "n.a.", "<na>", "#n/a", "#nv", "-", "--", "–", "—", ".", "?", "??"}
    | {"unknown", "unlabeled", "unlabelled", "undefined", "unsure", "unclear", "unklar", "unbekannt", "inconnu"}
    | {"desconocido", "sconosciuto", "nicht bewertet", "not judged", "not inspected", "todo", "tbd", "pending"}
    | {"skip", "ignore", "ignored", "excluded", "duplicate", "maybe", "no image", "recheck", "to check"}
    | {"未判定", "未检", "未検", "待定", "不明", "keine", "kein", "ohne", "rien", "nessuno", "niente", "ninguno"}
    | {"nada", "нет", "なし", "无", "無", "없음", "nothing", "zero"}
)  # values that do not say whether an image is good
ZERO = re.compile(r"\s*0\s+\w+\s*|.*[:=]\s*(0|no|none|nein|false)\s*", re.IGNORECASE)  # `0 defects`, `scratch: no`
DECIMAL = re.compile(r"^(-?\d+),(\d+)$")  # as in `0,5`
TRUE = frozenset({"1", "1.0", "true", "yes", "y", "t", "ja", "j", "wahr", "oui", "si", "sim"})
FALSE = frozenset({"0", "0.0", "false", "no", "n", "f", "nein", "falsch", "non", "nao"})
EMPTY = ("", "[]", "{}")  # values of a column of marks in an image without any
UNREADABLE = "\ufffd"  # stands for bytes of another encoding than UTF-8
MOST = 20  # different labels that a table has, at most


def said(value: str) -> str:
    """Returns a value without spaces around it; empty if it says nothing for certain, as `unknown` and `0
    defects`."""
    value = DECIMAL.sub(r"\1.\2", value.strip())
    return "" if value.casefold() in UNKNOWN or ZERO.fullmatch(value) else value


def otherwise(path: Path, columns: Sequence[str], rows: Rows) -> list[str] | None:
    """Returns the label of each row, "0" for good, "1" for defective and "" for unknown, from columns whose names
    say good or defective and whose values are yes and no; several of them are kinds of defects. None if there is
    none.

    Raises PsdlError if one of them says good and another defective, or if beside them there is a column of yes and
    no whose name does not say what it asks.
    """
    asking, open_ = questions(columns, rows), []
    for key in columns:
        values = [row.get(key, "").strip() for _, row in rows]
        if _answers(values) and not _question(key) and not words.meaning(key).neutral and len(set(values)) > 1:
            open_.append(key)
    if not asking:
        return None
    if open_:
        raise PsdlError(
            f"{path} has no labels, but columns such as {asking[0]!r} that seem to hold them, and {open_[0]!r}, of"
            " which it is not known what it asks: call one column label, with good or the name of a defect, or"
            f" leave {open_[0]!r} out"
        )
    return [_by_answers(path, line, {key: row.get(key, "").strip() for key in asking}) for line, row in rows]


def questions(columns: Sequence[str], rows: Rows) -> list[str]:
    """Returns the names of the columns whose names say good or defective and whose values are yes and no."""
    return [key for key in columns if _question(key) and _answers([row.get(key, "").strip() for _, row in rows])]


def _answers(values: Sequence[str]) -> bool:
    """Returns whether all values are yes, no or empty, and not all empty."""
    return any(values) and all(value == "" or answer(value) is not None for value in values)


def _by_answers(path: Path, line: int, row: Mapping[str, str]) -> str:
    """Returns the label of a row, as in `otherwise`, from its values in the columns that ask for good or for
    defects. Raises PsdlError if they contradict each other."""
    answers = {key: _answer(key, value) for key, value in row.items() if value}
    good = next((key for key in answers if _question(key) == "good"), None)
    hit = next((key for key, one in answers.items() if one == "bad" and key != good), None)
    others = [key for key in answers if _question(key) == "bad"]
    if good is not None and others:
        answered = answers[good]
        if (answered == "good" and hit) or (answered == "bad" and not hit and len(others) == 1):
            raise PsdlError(
                f"{path} line {line}: columns {good!r} and {hit or others[0]!r} contradict each other: correct one"
            )
    if not answers:
        return ""
    return "1" if "bad" in answers.values() else "0"


def asked(path: Path, columns: Sequence[str], naming: Sequence[str], rows: Rows) -> None:
    """Raises PsdlError if one of the `columns` of a table without labels could hold them or is empty in some rows.
    `naming` are the columns of categories, groups and parts; of these one raises only if its values are words for
    good or defective, or 0 and 1, or if it is empty in some rows."""
    for key in (*columns, *naming):
        values = {said(row.get(key, "")) for _, row in rows}
        some = len(values) > 1 and "" in values
        if (_named_grades(values) or some) if key in naming else (could_hold(key, values, len(rows)) or some):
            raise PsdlError(
                f"{path} has no labels, but its column {key!r} seems to hold them: call it label, with good or the"
                " name of a defect in each row, or leave it out"
            )


def checked(path: Path, label: str, columns: Sequence[str], rows: Rows) -> None:
    """Raises PsdlError if it is not certain which of the labels mean good, or if another of the `columns`
    contradicts the label of a row. `label` is the name of the column of labels."""
    values = {value for _, row in rows if (value := said(row.get(label, "")))}
    if not _clear(words.plain(label), values):
        shown = ", ".join(repr(value) for value in sorted(values)[:3])
        raise PsdlError(
            f"{path} has {shown} in its column {label!r}, of which it is not certain which is good: write good, or"
            " the name of the defect"
        )
    one = len({_grade(value) for value in values}) == 1
    for key in columns:
        column = [said(row.get(key, "")) for _, row in rows]
        opinions = _opinions(key, set(column), one)
        for (line, row), other in zip(rows, column, strict=True):
            own = said(row.get(label, ""))
            if own and {_grade(own), opinions.get(other)} == {"good", "bad"}:
                raise PsdlError(
                    f"{path} line {line}: {label} is {own!r}, but {key} is {other!r}: correct one, or leave the"
                    f" column {key!r} out"
                )


def left_out(columns: Sequence[str], rows: Rows) -> set[int]:
    """Returns the lines of the rows that a column of yes and no, such as `exclude` or `use`, leaves out."""
    asking = {key: words.plain(key) in LEAVING for key in columns if leaves_out(key)}
    return {line for line, row in rows for key, out in asking.items() if answer(row.get(key, "").strip()) is out}


def leaves_out(column: str) -> bool:
    """Returns whether a column says by yes and no which rows count, by its name."""
    return words.plain(column) in LEAVING | TAKING


def _clear(name: str, values: set[str]) -> bool:
    """Returns whether it is certain which labels mean good: they are words for good or defective, names of
    defects, or whole numbers with 0 for good and 1 for defective. `name` is the column's name, see `words.plain`.
    In a column such as `quality` one of them must be a word for good."""
    if any(value[0] in "[{" for value in values):
        return False
    if not any(map(words.label, values)) and any(len(value) < 3 and not value.isdigit() for value in values):
        return False  # such as A and C, or P and F
    folded = {words.plain(value) for value in values}
    if not any(map(words.label, values)) and any({one, other} <= folded for one, other in OPPOSITES):
        return False  # either of positive and negative may be good
    asks = {value for value in values if answer(value) is not None or _number(value)}
    if asks != values or not values:
        return name not in GRADES or not values or "good" in {words.label(value) for value in values}
    digits = {value.removesuffix(".0") for value in values}
    plain = all(value.isdigit() for value in digits) and (digits <= {"0", "1"} or {"0", "1"} <= digits)
    return plain and name not in GRADES


def could_hold(key: str, values: set[str], rows: int) -> bool:
    """Returns whether a column could hold labels or mark defects, by its name `key` and the values of so many
    rows."""
    name, full = words.meaning(key), values - set(EMPTY)
    if len(values) > 1 and (name.graded or set(words.parts(key)) & SCORES):
        return True
    holds = telling(key)
    if full != values and full and (holds or words.plain(key.rpartition(".")[2]) in MARKS):
        return True
    if {words.label(value) for value in values if len(value) < 40 and not _number(value)} >= {"good", "bad"}:
        return True
    if len(values) < 2 or len(values) > max(2, min(MOST, rows // 2)) or max(map(len, values)) > 40:
        return False
    if _grades(values) or _opposed(values):
        return True
    if all(words.meaning(value).neutral and words.parts(value) and not _number(value) for value in full):
        return False
    if holds:
        return True
    if name.neutral and UNREADABLE not in key:
        return False
    return all(answer(value) is not None or not any(map(str.isdigit, value)) for value in full)


def telling(key: str) -> bool:
    """Returns whether the name of a column says that it may hold labels or masks."""
    name = words.meaning(key)
    return bool(name.graded or name.role == "mask" or set(words.parts(key)) & (TELLING | SCORES))


def _named_grades(values: set[str]) -> bool:
    """Returns whether names of products or items are words for good or defective, or 0 and 1."""
    return len(values) > 1 and (_grades(values) or values <= {"0", "1"})


def _grades(values: set[str]) -> bool:
    """Returns whether one of the values is a word for good or defective, other than yes, no and their like."""
    return any(words.meaning(value).graded and answer(value) is None for value in values)


def _opposed(values: set[str]) -> bool:
    """Returns whether values are two opposites of which one means good, as P and F."""
    folded = {words.plain(value) for value in values if value}
    return any(folded == {one, other} for one, other in OPPOSITES if {one, other} != {"y", "n"})


def _opinions(key: str, values: set[str], one: bool) -> dict[str, str | None]:
    """Returns "good", "bad" or None for the values of a column beside the labels, as they say about rows; values
    that say nothing may be missing, and the result is empty if all values are the same. `one` means that all
    labels are good or all are defective; only then 0 and 1 in a column such as `class` count."""
    full = values - {""}
    if len(values) < 2:
        return {}
    if words.plain(key.rpartition(".")[2]) in MARKS - SAID and values & set(EMPTY):
        return dict.fromkeys(full - set(EMPTY), "bad")
    if words.meaning(key).graded == "bad" and all(map(_number, full)) and not full <= {"0", "1"}:
        return {value: "bad" if float(value) > 0 else None for value in full}
    if _question(key) and all(answer(value) is not None or not _number(value) for value in full):
        return {value: _answer(key, value) or ("bad" if _question(key) == "bad" else None) for value in full}
    parts = set(words.parts(key)) | {words.plain(key)}
    plain = {value: words.meaning(value).graded for value in full if _worded(value)}
    good, bad = "good" in plain.values(), "bad" in plain.values()
    telling = bad and (good or "" in values or bool(parts & TELLING))
    found: dict[str, str | None] = {}
    for value in full:
        if answer(value) is not None or _number(value):
            found[value] = words.label(value) if one and parts & OPINIONS else None
        elif value in plain:
            found[value] = plain[value] if telling or words.meaning(key).graded else None
        elif good and parts & NAMING:
            found[value] = words.meaning(value).graded or "bad"
    return found


def _worded(value: str) -> bool:
    """Returns whether a value is a word for good or defective without unknown words beside it."""
    said = words.meaning(value)
    return said.plain and said.graded is not None and answer(value) is None and not _number(value)


def _question(key: str) -> words.Role | None:
    """Returns what yes means in a column by its name: "good" or "bad"; None if the name says neither or more than
    that."""
    asks = [word for word in words.parts(key) if word not in VERBS]
    if set(asks) & (words.NEUTRAL | words.NEGATIONS):
        return None
    name = words.meaning(" ".join(asks))
    return name.graded if name.plain and name.role == name.graded else None


def _answer(key: str, value: str) -> str | None:
    """Returns what a value says in the column `key`: "good", "bad" or None."""
    yes = answer(value)
    if yes is None:
        return words.meaning(value).graded
    asked_for = _question(key)
    return asked_for if yes else "good" if asked_for == "bad" else "bad"


def _grade(value: str) -> str:
    """Returns "good" for a label that says good, and "bad" for any other."""
    return "good" if words.label(value) == "good" else "bad"


def answer(value: str) -> bool | None:
    """Returns True for a value that says yes and False for one that says no; None for others."""
    folded = value.casefold()
    return True if folded in TRUE else False if folded in FALSE else None


def _number(value: str) -> bool:
    """Returns whether a value is a decimal number."""
    return value.isascii() and value.removeprefix("-").replace(".", "", 1).isdigit()
