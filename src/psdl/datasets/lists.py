"""Reads lists of names such as `train.txt` and `test.json` below a folder of images, which state the split of
each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from psdl.datasets import rows, words
from psdl.datasets.beside import LARGEST, TABLES, Names
from psdl.datasets.files import EXTENSIONS
from psdl.datasets.tree import Taken, settled
from psdl.errors import PsdlError

__all__ = ["Listed", "applied", "splits"]

ENDINGS = (".txt", ".lst", ".list")  # extensions of lists with one name a line


class Listed(NamedTuple):
    """`of` has the splits of images by their names, and `files` the lists that state them."""

    of: dict[str, words.Split]
    files: tuple[str, ...]


def splits(root: Path, files: Sequence[str], names: Names) -> Listed:
    """Returns the splits that lists among the `files` state for images.

    A list is called after a split and nothing else. It is a text with one name a line, a table with a column of
    paths, or a JSON array of names. A table with a column of splits, and a JSON object of such arrays under the
    names of splits or of splits under names, may be called anything.
    `root` is the folder that holds all. Raises PsdlError if lists of two splits name one image.
    """
    found: dict[str, words.Split] = {}
    first: dict[str, str] = {}
    for file in files:
        for split, written in _written(root, file).items():
            for name in _named(written, file.rpartition("/")[0], names):
                if found.setdefault(name, split) != split:
                    other = first[name] if first[name] != file else "one list"
                    raise PsdlError(f"{root}: {other} and {file} both list {name}: take it out of one")
                first.setdefault(name, file)
    return Listed(found, tuple(dict.fromkeys(first.values())))


def _written(root: Path, file: str) -> dict[words.Split, list[str]]:
    """Returns the names that a file lists, by split; nothing if it cannot be read, is too large or is no such
    list."""
    said, ending = _split_of(PurePosixPath(file).stem), PurePosixPath(file.lower()).suffix
    try:
        if (root / file).stat().st_size >= LARGEST:
            return {}
        if ending == ".json":
            return _of_json(json.loads(rows.text_of(root / file)), said)
        if said and ending in ENDINGS:
            return {said: rows.text_of(root / file).splitlines()}
        if ending in TABLES:
            return _of_table(rows.table(root / file, ("path",)), said)
    except (OSError, PsdlError, ValueError, RecursionError):
        return {}
    return {}


def _of_table(table: rows.Table, said: words.Split | None) -> dict[words.Split, list[str]]:
    """Returns the names in a table by the splits that one of its columns gives, or all names under the split
    `said` that its file is called after; nothing if a table with splits says more of images."""
    found: dict[words.Split, list[str]] = {}
    given = "split" in table.columns
    for _, row in table.rows if not given or set(table.columns) == {"path", "split"} else ():
        split = _split_of(row["split"]) if given else said
        if split:
            found.setdefault(split, []).append(row["path"])
    return found


def _of_json(values: Any, said: words.Split | None) -> dict[words.Split, list[str]]:
    """Returns the names in an array of a file that is called after the split `said`, in an object of arrays under
    the names of splits, or in an object that gives the split of each name; nothing if the values are something
    else. An object may lie alone in another one."""
    if isinstance(values, dict) and len(values) == 1 and isinstance(next(iter(values.values())), dict):
        (values,) = values.values()
    arrays = {said: values} if isinstance(values, list) else {}
    if isinstance(values, dict) and values and all(isinstance(one, str) for one in values.values()):
        turned: dict[str, list[str]] = {}
        for name, split in values.items():
            turned.setdefault(split, []).append(name)
        values = turned
    if isinstance(values, dict):
        arrays = {_split_of(key): array for key, array in values.items()}
        if len(arrays) < len(values):
            return {}
    whole = all(
        isinstance(array, list) and all(isinstance(one, str) for one in array) for array in arrays.values()
    )
    return {split: array for split, array in arrays.items() if split} if whole and None not in arrays else {}


def _split_of(name: str) -> words.Split | None:
    """Returns the split that a name says and nothing else; None if it says none."""
    said = words.meaning(name)
    return said.split if not said.role and said.plain else None


def _named(written: Sequence[str], folder: str, names: Names) -> list[str]:
    """Returns the images that names in a list mean; none if a name is something else or can mean several images.
    Files that are not there are skipped. `folder` is that of the list."""
    found = []
    for line in filter(None, (line.strip().strip("\"'") for line in written)):
        called = names.called(line, folder)
        ends = PurePosixPath(line).suffix[1:].lower() in EXTENSIONS
        if len(called) > 1 or not (ends or any(PurePosixPath(one).stem == line for one in called)):
            return []
        found += called
    return found


def applied(taken: Mapping[str, Taken], listed: Listed) -> dict[str, Taken]:
    """Returns what images are taken for, with the splits of lists for images whose folders name none.

    This holds for images in the folders of listed ones, and for defective images. If there is a list of the split
    train, those of them that no list names are for testing.
    """
    tested = "test" in listed.of.values()
    rest: words.Split | None = "test" if "train" in listed.of.values() else None
    found = dict(taken)
    near = {name.rpartition("/")[0] for name in listed.of}
    for name, one in taken.items() if listed.of else ():
        if one.side == "none" and (name.rpartition("/")[0] in near or one.label == 1):
            found[name] = one._replace(side=settled(listed.of.get(name, rest), one.label == 1, tested))
    return found
