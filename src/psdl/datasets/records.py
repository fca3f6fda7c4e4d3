"""Extracts from texts beside images what they say about each image that they name. Texts are tables, JSON, XML or
lines."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from psdl.datasets import words
from psdl.datasets.files import EXTENSIONS

__all__ = ["Parsed", "Record", "of_one", "parsed"]

ENDING = re.compile(rf"\.(?:{'|'.join(sorted(EXTENSIONS))})\b", re.IGNORECASE)
APART = re.compile(r"[\"',;:<>|/\\\r\n\t]")  # separates the name of a file from what precedes it
BETWEEN = ("and", "und", "et", "y", "e", "&")  # words between two numbers
FOLDER = re.compile(r"[^\s,;|\"']*[/\\]$")  # folders before the name of a file
UPLOADED = re.compile(r"^[0-9a-f]{8}-")  # what Label Studio writes before the name of a file
LONGEST = 255  # characters of a file's name
NUMBER = re.compile(r"\b(?:no|nos|nr)\.?\s*(?=\d)", re.IGNORECASE)  # as in `no. 106`
NONE = re.compile(r"\b(?:0|zero|none|keine?)\s+\w+", re.IGNORECASE)  # as in `no scratches`
# What follows a number that is not that of an image.
UNITS = r"%|\u00b0|(?:[cmnu\u00b5]?m|px|ppm|pcs|pieces?|parts?|images?|pictures?|photos?|teile|bilder|ms|s|h)\b"
RANGE = re.compile(r"\b(\d{2,})\s*(?:-|\u2013|\u2026|\.\.+|to|bis|until|through)\s*(\d{2,})\b")  # as in `106-108`
# Elements of XML with the text after them, and their attributes.
ELEMENT = re.compile(r"<(\w[\w:.-]*)((?:\s[^<>]*?)?)/?>([^<]*)")
ATTRIBUTE = re.compile(r"(\w[\w:.-]*)\s*=\s*[\"']([^\"'<>]*)")
SEPARATORS = ",;\t|"


class Record(NamedTuple):
    """`image` is what a text calls an image; `values` are what it says about it, by name. The name is empty if
    there is none."""

    image: str
    values: dict[str, str]


class Parsed(NamedTuple):
    """`records` are what a text says about images; `rest` is what else it says."""

    records: list[Record]
    rest: str = ""

    @property
    def bare(self) -> bool:
        """Whether the text names images and says nothing else."""
        return not self.rest.strip() and not any(value for one in self.records for value in one.values.values())


def parsed(file: str, text: str, stems: Collection[str]) -> Parsed:
    """Returns what a text says about images with the given stems. The extension of `file` decides how the text is
    read; JSON that cannot be read is taken as lines."""
    ending = PurePosixPath(file.lower()).suffix
    if ending in (".csv", ".tsv"):
        return Parsed(_of_table(text, stems))
    if ending in (".json", ".geojson", ".jsonl", ".jsonlines", ".ndjson", ".manifest"):
        values = _loaded([text] if ending in (".json", ".geojson") else text.splitlines())
        if values is not None:
            records = list(_of_json(values, "", stems))
            used = {part for one in records for pair in one.values.items() for part in words.parts(" ".join(pair))}
            rest = [word for word in _texts(values) if _named(word, stems) is None]
            return Parsed(records, " ".join(word for word in rest if not set(words.parts(word)) <= used))
    if ending == ".xml":
        text = text.replace("<image ", "\n<image ")
    return _of_lines(text.splitlines(), stems)


def of_one(file: str, text: str) -> dict[str, str]:
    """Returns what a text that is called after one image says about it, by name. `file` is the name of the
    text."""
    ending = PurePosixPath(file.lower()).suffix
    values = _loaded([text]) if ending == ".json" else None
    if values is not None:
        return dict(_flat(values[0], ""))
    if ending == ".xml":
        pairs = list(_of_xml(text))
    else:
        pieces = re.split(r"[\r\n{};]+", text)
        pairs = [_pair(piece.strip(" \t\"',")) for piece in pieces if piece.strip(" \t\"',")]
    return _numbered(pairs)


def _of_xml(text: str) -> Iterator[tuple[str, str]]:
    """Yields the names of the elements and attributes of XML with their texts; the text is `...` for an element
    that holds others."""
    for found in ELEMENT.finditer(text):
        holds = not found[0].rstrip().endswith("/>") and re.match(r"<\w", text[found.end() : found.end() + 2])
        yield found[1], found[3].strip() or ("..." if holds else "")
        yield from ((one[1], one[2]) for one in ATTRIBUTE.finditer(found[2]))


def _numbered(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Returns the values by their names. A name that comes again has its count added, as in `label 2`."""
    seen: Counter[str] = Counter()
    found = {}
    for key, value in pairs:
        seen[key] += 1
        found[key if seen[key] == 1 else f"{key} {seen[key]}"] = value
    return found


def _pair(piece: str) -> tuple[str, str]:
    """Returns the name before the first `:` or `=` and the value after it; an empty name and the whole piece if
    there is neither."""
    key, sign, value = re.match(r"([^:=]*)([:=]?)(.*)", piece, re.DOTALL).groups()  # type: ignore[union-attr]
    return (key.strip(" \t\"'"), value.strip(" \t\"',")) if sign else ("", piece)


def _of_table(text: str, stems: Collection[str]) -> list[Record]:
    """Returns the rows of a table, with or without a header, as records. The column in which most values name
    images is that of the images; there are no records if fewer than about half of the rows name one. Without a
    header the names of columns are their numbers."""
    lines = [line for line in text.splitlines() if line.strip()]
    separator = max(SEPARATORS, key=lambda s: lines[0].count(s)) if lines else ","
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=separator)]
    except csv.Error:
        rows = []
    if lines and separator not in lines[0]:
        rows = [line.split() for line in lines]
    width = max(map(len, rows), default=0)
    rows = [row + [""] * (width - len(row)) for row in rows]
    counts = [sum(_named(row[n], stems) is not None for row in rows) for n in range(width)]
    if not counts or 2 * max(counts) < len(rows) - 1 or not max(counts):
        return []
    at = counts.index(max(counts))
    bare = _named(rows[0][at], stems) is not None
    header = [str(n) for n in range(width)] if bare else rows[0]
    found = []
    for row in rows if bare else rows[1:]:
        image = _named(row[at], stems)
        if image is not None:
            pairs = [(key, value) for n, (key, value) in enumerate(zip(header, row, strict=True)) if n != at]
            found.append(Record(image, _numbered(pairs)))
    return found


def _loaded(texts: Sequence[str]) -> list[Any] | None:
    """Returns the content of JSON texts; None if one of them is no JSON or all are empty."""
    try:
        return [json.loads(text) for text in texts if text.strip()] or None
    except (ValueError, RecursionError):
        return None


def _of_json(values: Any, key: str, stems: Collection[str]) -> Iterator[Record]:
    """Yields what JSON values say about images: the values under the name of an image; the values beside its name
    in an object; and, if its name is in a list, the name of the list, `key`. Numbers are names of images only if
    the name of the list says good or bad."""
    if isinstance(values, list):
        for one in values:
            marked = isinstance(one, int) and not isinstance(one, bool) and words.meaning(key).graded
            image = _named(str(one) if marked else one, stems, digits=bool(words.meaning(key).graded))
            yield from [Record(image, {"": key})] if image is not None else _of_json(one, key, stems)
    elif isinstance(values, dict):
        own = next((k for k, v in values.items() if _named(v, stems, digits=False) is not None), None)
        if own is not None:
            rest = {k: v for k, v in values.items() if k != own}
            yield Record(_named(values[own], stems) or "", dict(_flat(rest, "")))
            return
        for inner, one in values.items():
            image = _named(inner, stems)
            yield from [Record(image, dict(_flat(one, "")))] if image is not None else _of_json(one, inner, stems)


def _flat(values: Any, key: str) -> Iterator[tuple[str, str]]:
    """Yields all single values inside a value, each with the names that lead to it, separated by spaces. Items of
    a list have their numbers, from 0 on, as names; but the first has none."""
    if isinstance(values, dict) and values:
        for inner, one in values.items():
            yield from _flat(one, f"{key} {inner}".strip())
    elif isinstance(values, list) and values:
        for n, one in enumerate(values):
            yield from _flat(one, f"{key} {n or ''}".strip())
    else:
        yield key, "" if values is None else values if isinstance(values, str) else json.dumps(values)


def _texts(values: Any) -> Iterator[str]:
    """Yields all names and texts in a JSON value."""
    if isinstance(values, dict):
        for key, one in values.items():
            yield key
            yield from _texts(one)
    elif isinstance(values, list):
        for one in values:
            yield from _texts(one)
    elif isinstance(values, str):
        yield values


def _of_lines(lines: Sequence[str], stems: Collection[str]) -> Parsed:
    """Returns what lines say about the images that they name, and as the rest all other lines. If a line names
    images and says nothing, the short line before it that names none says whether they are good or bad."""
    records, rest, heading = [], [], ""
    for line in filter(None, map(str.strip, lines)):
        images, more = _in_line(line, stems)
        if not images and (found := _in_sentence(line, stems)):
            records += found
        elif not images:
            rest.append(line)
            heading = words.meaning(line).graded or "" if len(line) < 40 else ""
        else:
            more = re.sub(r"^-+\s+", "", NONE.sub("", more).strip(" \t,;:|=\"'"))
            key, value = _pair(more)
            said = {key: value} if key or value else {"": heading} if heading else {}
            records += [Record(image, said) for image in images]
    return Parsed(records, " ".join(rest))


def _in_sentence(line: str, stems: Collection[str]) -> list[Record]:
    """Returns records that call images defective if a line speaks of defects and names numbers of images, as
    `scratch in 106` or `scratches in 106-108`. Numbers of one digit and numbers before a unit are ignored."""
    line = NONE.sub(" ", NUMBER.sub(" ", line))
    said = words.meaning(line)
    if said.graded != "bad" or said.both:
        return []
    found = [one for one in re.findall(rf"\b\d{{2,}}\b(?!\s*(?:{UNITS}))", line) if one in stems]
    for first, last in RANGE.findall(line):
        between = range(int(first), min(int(last), int(first) + 10_000) + 1)
        found += [one for one in (str(n).zfill(len(first)) for n in between) if one in stems]
    return [Record(one, {"": "defective"}) for one in dict.fromkeys(found)]


def _in_line(line: str, stems: Collection[str]) -> tuple[list[str], str]:
    """Returns what a line calls images, and the rest of the line. An image is named with its extension or by its
    stem alone; a stem that is a number counts only at the beginning of the line, with the numbers that follow
    it."""
    found = [place for ending in ENDING.finditer(line) if (place := _before(line, ending, stems))]
    if found:
        names, rest, at = [], [], 0
        for start, end in found:
            folder = FOLDER.search(line[at:start])
            begin = start - len(folder[0]) if folder else start
            names.append(line[begin:end])
            rest.append(line[at:begin])
            at = end
        return names, " ".join([*rest, line[at:]])
    tokens = list(re.finditer(r"[^\s,;:|=\"']+", line))
    for n, token in enumerate(tokens):
        image = _named(token[0], stems, digits=n == 0)
        if image is not None:
            others = _numbers_after(tokens[n + 1 :], stems) if image.isdigit() else []
            end = others[-1].end() if others else token.end()
            named = [image, *(one[0] for one in others if one[0] in stems)]
            return named, line[: token.start()] + " " + line[end:]
    return [], line


def _before(line: str, ending: re.Match[str], stems: Collection[str]) -> tuple[int, int] | None:
    """Returns where the name of an image begins and ends in a line; None if it is none of the images. `ending` is
    the place of its extension."""
    lowest = max(0, ending.start() - LONGEST)
    before = line[lowest : ending.start()]
    apart = [one.end() for one in APART.finditer(before)]
    whole = before[apart[-1] if apart else 0 :].lstrip()
    for name in (whole, whole.rpartition(" ")[2]):
        if name.casefold() in stems:
            return ending.start() - len(name), ending.end()
    return None


def _numbers_after(tokens: Sequence[re.Match[str]], stems: Collection[str]) -> list[re.Match[str]]:
    """Returns the numbers of images right after the first one, if a word comes after them; otherwise none, since
    they may be anything."""
    count = 0
    while count < len(tokens) and (tokens[count][0] in stems or tokens[count][0] in BETWEEN):
        count += 1
    worded = any(any(map(str.isalpha, token[0])) for token in tokens[count:])
    return list(tokens[:count]) if worded else []


def _named(value: Any, stems: Collection[str], digits: bool = True) -> str | None:
    """Returns the value if it names an image by a path, the name of a file, or a stem; None if not. `digits` says
    whether a stem that is a number counts."""
    if not isinstance(value, str) or not value:
        return None
    last = value.replace("\\", "/").rpartition("/")[2].strip().casefold()
    stem, dot, ending = re.sub(r"(\.\w{2,5})_\d+$", r"\1", last).rpartition(".")  # _3 in `0.jpg_3` is a class
    if dot and ending in EXTENSIONS:
        bare = UPLOADED.sub("", stem)
        return value if stem in stems else f"{bare}.{ending}" if bare in stems else None
    return value if last in stems and (digits or not last.isdigit()) else None
