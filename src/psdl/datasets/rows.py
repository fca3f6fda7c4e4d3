"""Reads tables as people write them into rows with known columns, whatever their separators, capitals, spaces and
empty lines."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path, PureWindowsPath
from typing import Any, NamedTuple

from psdl.datasets import labels, words
from psdl.datasets.doubts import UNSURE
from psdl.datasets.sides import sides
from psdl.errors import PsdlError

NAMES = {
    "path": (
        *(
            "path",
            "file",
            "files",
            "filename",
            "filepath",
            "image",
            "images",
            "imagepath",
            "imagename",
            "imagefile",
        ),
        *("img", "imageid", "datei", "dateiname", "bild", "bilddatei", "fichier", "archivo", "imagen", "immagine"),
        *(
            "文件",
            "文件名",
            "图片",
            "图像",
            "圖片",
            "圖像",
            "ファイル",
            "ファイル名",
            "画像",
            "画像名",
            "파일",
            "이미지",
        ),
    ),
    "mask": ("mask", "masks", "maskpath", "maskfile", "maskfilename", "maskimage", "groundtruth", "gt"),
    "label": (
        *("label", "labels", "class", "classname", "truth", "quality", "klasse"),
        *("标签", "標籤", "类别", "類別", "ラベル", "判定", "라벨", "판정"),
    ),
    "split": ("split", "subset", "phase", "usage"),
    "group": ("group", "item", "itemid", "serialnumber"),
    "category": ("category", "product", "object"),
    "part": ("part", "partid"),
}  # names of columns, see `words.plain`; of several that a table has, the first counts
NAMING = ("category", "group", "part")  # columns that name products and items
SEPARATORS = ",;\t|"  # between the values of a row
LONG = 200  # characters of a name that a message shows


class Table(NamedTuple):
    """`rows` have the line in which each begins and its values by column. `columns` are the names, as in NAMES, of
    the known columns that it has; `ignored` are the names of the others."""

    rows: tuple[tuple[int, dict[str, str]], ...]
    columns: tuple[str, ...]
    ignored: tuple[str, ...]


def table(path: Path, columns: Sequence[str], names: dict[str, tuple[str, ...]] = NAMES) -> Table:
    """Returns a CSV file, or a file with one JSON object a line (.jsonl, .manifest), as a table. Empty rows are
    skipped.

    It must have `columns`; `names` has what each known column may be called. Values that say nothing for certain
    are empty. If no column is called as splits or labels usually are, others are searched for them, see `sides`
    and `labels`. The label of rows that a column such as `exclude` leaves out is UNSURE. Raises PsdlError if the
    file cannot be read, lacks a column, has rows with more values than columns, or has labels that are not
    certain.
    """
    text = text_of(path)
    if path.suffix.lower() in (".jsonl", ".manifest"):
        rows = list(objects(path, text.splitlines()))
        header = list(dict.fromkeys(key for _, row in rows for key in row))
    else:
        header, rows = _cells(path, text, names)
    known = _known(header, names)
    missing = [c for c in columns if c not in known]
    if missing:
        raise PsdlError(
            f"{path} lacks the column {missing[0]!r}: its columns must be {', '.join(columns)}, and are"
            f" {', '.join(header) or 'none'}"
        )
    rows = [(line, row) for line, row in rows if any(row.values())]
    found = tuple(
        (line, {name: labels.said(row.get(key, "")) for name, key in known.items()}) for line, row in rows
    )
    ignored = tuple(key for key in header if key not in known.values())
    if "split" not in known and (side := sides(ignored, rows)) is not None:
        key, said = side
        found = tuple((line, row | {"split": one}) for (line, row), one in zip(found, said, strict=True))
        known["split"], ignored = key, tuple(one for one in ignored if one != key)
    if any(row.get("label") for _, row in found):
        items = [known[name] for name in NAMING if name in known]
        labels.checked(path, known["label"], (*ignored, *items), rows)
        if words.plain(known["label"]) != "label" and not any(words.label(row["label"]) for _, row in found):
            labels.asked(path, ignored, (), rows)
    elif (others := labels.otherwise(path, ignored, rows)) is not None:
        found = tuple((line, row | {"label": one}) for (line, row), one in zip(found, others, strict=True))
        asking = labels.questions(ignored, rows)
        ignored = tuple(key for key in ignored if key not in asking)
    else:
        labels.asked(path, ignored, [known[name] for name in NAMING if name in known], rows)
    out = labels.left_out(ignored, rows)
    found = tuple((line, row | {"label": UNSURE} if line in out else row) for line, row in found)
    return Table(found, tuple(known), tuple(key for key in ignored if key and not labels.leaves_out(key)))


def _known(header: Sequence[str], names: dict[str, tuple[str, ...]]) -> dict[str, str]:
    """Returns the known columns with the name that the header has for each."""
    plain = {words.plain(key): key for key in reversed(header) if key}
    found = {name: next((plain[n] for n in some if n in plain), None) for name, some in names.items()}
    return {name: key for name, key in found.items() if key is not None}


def decoded(data: bytes, errors: str = "strict") -> str:
    """Returns the text of bytes in UTF-8, or in UTF-16 if they begin with its byte order mark. `errors` is as in
    `bytes.decode`."""
    return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", errors)


def text_of(path: Path) -> str:
    """Returns the text of a file. Raises PsdlError if it cannot be read."""
    try:
        return decoded(path.read_bytes())
    except (OSError, UnicodeDecodeError) as error:
        raise PsdlError(f"{path} cannot be read ({error}): give a file of UTF-8 text") from None


def _cells(
    path: Path, text: str, names: dict[str, tuple[str, ...]]
) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Returns the header of a CSV file, and its rows with their lines and values. The separator is the one with
    which most columns are known."""
    text = re.sub(r"\A\s*sep=.\r?\n", "", text)  # the first line of a table from Excel
    first = next((line for line in text.splitlines() if line.strip()), "")
    header: list[str] = []
    rows = []
    try:
        known = {s: len(_known(next(csv.reader([first], delimiter=s), []), names)) for s in SEPARATORS}
        reader = csv.reader(
            io.StringIO(text, newline=""), delimiter=max(SEPARATORS, key=lambda s: (known[s], first.count(s)))
        )
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if not header:
                header = [cell.strip() for cell in cells]
            elif any(cell.strip() for cell in cells[len(header) :]):
                raise PsdlError(
                    f"{path} line {reader.line_num} has {len(cells)} values for {len(header)} columns: put names"
                    " with a separator in them into quotes"
                )
            else:
                rows.append((reader.line_num, dict(zip(header, cells, strict=False))))
    except csv.Error as error:
        raise PsdlError(f"{path} cannot be read ({error}): give a table of comma-separated values") from None
    return header, rows


def objects(path: Path, lines: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yields the line and the values, as text, of each JSON object of a file with one a line. Objects inside are
    given whole and value by value. Raises PsdlError on any other line that is not empty."""
    for n, text in enumerate(lines, 1):
        try:
            values = json.loads(text) if text.strip() else None
        except (ValueError, RecursionError) as error:
            raise PsdlError(f"{path} line {n} is no JSON ({error}): write one object a line") from None
        if values is not None and not isinstance(values, dict):
            raise PsdlError(f"{path} line {n} is no JSON object: write one object a line")
        if values:
            yield n, {key: _worded(value) for key, value in _flat(values)}


def _flat(values: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yields the names and values of an object. The values of an object inside it come also by themselves, under
    both names joined by a dot."""
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from ((f"{key}.{inner}", one) for inner, one in value.items())
        yield key, value


def _worded(value: Any) -> str:
    """Returns a JSON value as a table would hold it: text as it is, empty for null, and JSON for others."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def existing(table: Path, line: int, root: Path, name: str) -> str:
    """Returns the path of a file that a table names, from the folder `root` on; separators may be those of
    Windows. A link may lead nowhere. Raises PsdlError if there is no such file."""
    for written in (name, PureWindowsPath(name).as_posix()) if name else ():
        with suppress(OSError, ValueError):  # the name may be longer than a path can be
            if (root / written).is_file() or (root / written).is_symlink():
                return str(root / written)
    name = name if len(name) < LONG else f"{name[:LONG]}..."
    raise PsdlError(f"{table} line {line}: no file {name} below {root}, from where paths count")


def one_of(table: Path, line: int, column: str, value: str, known: Sequence[str]) -> None:
    """Raises PsdlError if a value in a table's column is none of the known ones."""
    if value not in known:
        raise PsdlError(f"{table} line {line}: {column} is {value!r}, expected {' or '.join(filter(None, known))}")
