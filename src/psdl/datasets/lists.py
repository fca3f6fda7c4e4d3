"""Lists such as `train.txt` and `test.txt` below a folder of images -> what each image is for."""

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

ENDINGS = (".txt", ".lst", ".list")


class Listed(NamedTuple):
    """of: what images are for; files: the lists that say it."""

    of: dict[str, words.Split]
    files: tuple[str, ...]


def splits(root: Path, files: Sequence[str], names: Names) -> Listed:
    """What lists among some files say that images are for: those that are called after a split and hold a name a
    line. Raises PsdlError on an image in the lists of two."""
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
    """The images that a list names; none if a line is something else. Files that are not there are passed over."""
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
    """What images are taken for, those that no folder gives a split being for what lists say. Where there is a
    list to learn from, defective images, and others beside listed ones that no list names, are for testing."""
    tested = "test" in listed.of.values()
    rest: words.Split | None = "test" if "train" in listed.of.values() else None
    found = dict(taken)
    near = {name.rpartition("/")[0] for name in listed.of}
    for name, one in taken.items() if listed.of else ():
        if one.side == "none" and (name.rpartition("/")[0] in near or one.label == 1):
            found[name] = one._replace(side=settled(listed.of.get(name, rest), one.label == 1, tested))
    return found
