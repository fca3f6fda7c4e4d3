"""Reads lists of names such as `train.txt` and `test.txt` below a folder of images, which state the split of
each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from psdl.datasets import rows, words
from psdl.datasets.beside import Names
from psdl.datasets.files import EXTENSIONS
from psdl.datasets.tree import Taken, settled
from psdl.errors import PsdlError

__all__ = ["Listed", "applied", "splits"]

ENDINGS = (".txt", ".lst", ".list")  # extensions of lists


class Listed(NamedTuple):
    """`of` has the splits of images by their names, and `files` the lists that state them."""

    of: dict[str, words.Split]
    files: tuple[str, ...]


def splits(root: Path, files: Sequence[str], names: Names) -> Listed:
    """Returns the splits that lists among the `files` state for images. A list is called after a split and nothing
    else, and holds one name a line. `root` is the folder that holds all. Raises PsdlError if lists of two splits
    name one image."""
    found: dict[str, words.Split] = {}
    first: dict[str, str] = {}
    for file in files:
        said = words.meaning(PurePosixPath(file).stem)
        if not file.lower().endswith(ENDINGS) or said.split is None or said.role or not said.plain:
            continue
        for name in _named(root, file, names):
            if found.setdefault(name, said.split) != said.split:
                raise PsdlError(f"{root}: {first[name]} and {file} both list {name}: take it out of one")
            first.setdefault(name, file)
    return Listed(found, tuple(dict.fromkeys(first.values())))


def _named(root: Path, file: str, names: Names) -> list[str]:
    """Returns the images that a list names; none if it cannot be read, if a line is something else, or if a line
    can mean several images. Files that are not there are skipped."""
    try:
        lines = rows.decoded((root / file).read_bytes()).splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    found = []
    for line in filter(None, (line.strip().strip("\"'") for line in lines)):
        called = names.called(line, file.rpartition("/")[0])
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
