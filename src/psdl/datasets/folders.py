"""Compares the names of folders: which folders lie above which, and what their names say about each other."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath

from psdl.datasets import words
from psdl.datasets.words import meaning

__all__ = [
    "above",
    "above_of",
    "holding",
    "last",
    "numbered",
    "set_aside",
    "shared_by",
    "silent",
    "split_of",
    "unclear",
    "validated",
]


@lru_cache(maxsize=65536)
def above_of(folder: str) -> tuple[str, ...]:
    """Returns the paths of a folder and of all folders above it, the topmost first; empty for the root."""
    parts = PurePosixPath(folder).parts
    return tuple("/".join(parts[: n + 1]) for n in range(len(parts)))


def above(name: str) -> tuple[str, ...]:
    """Returns the paths of all folders above an image, the topmost first. `name` is the path of the image below
    the root."""
    return above_of(name.rpartition("/")[0])


def shared_by(inside: Collection[str]) -> set[str]:
    """Returns those folders above all of the folders `inside` (or one of these itself) whose names say defective,
    such as `crack_dataset`. If `inside` is one folder whose name holds neither an unknown word nor a noun, such as
    `NG`, that folder is left out."""
    over = set.intersection(*(set(above_of(folder)) for folder in inside)) if inside else set()
    bad = {folder for folder in over if meaning(last(folder)).graded == "bad"}
    lone = {f for f in inside if len(inside) == 1 and meaning(last(f)).plain}
    return bad - {f for f in lone if not set(words.parts(last(f))) & words.NOUNS}


def last(folder: str) -> str:
    """Returns the last part of a path."""
    return folder.rpartition("/")[2]


def numbered(folders: Collection[str], good: Iterable[str]) -> set[str]:
    """Returns those of the folders `good`, whose names say good, that differ by 0 and 1 at the end alone, such as
    `good_0` and `good_1`. The number may be the label. None is returned beside a folder of `folders` that is
    called defective."""
    named: dict[tuple[str, ...], set[str]] = {}
    for folder in good:
        *before, final = words.parts(last(folder))
        named.setdefault((str(PurePosixPath(folder).parent), *before), set()).add(final)
    bad = {str(PurePosixPath(folder).parent) for folder in folders if meaning(last(folder)).graded == "bad"}
    open_ = {before for before, final in named.items() if final == {"0", "1"} and before[0] not in bad}
    return {f for f in good if (str(PurePosixPath(f).parent), *words.parts(last(f))[:-1]) in open_}


def split_of(folder: str) -> words.Split | None:
    """Returns the split that a folder belongs to by its name and the names above it, of which the topmost that
    names a split counts; None if none does."""
    return next((found for one in above_of(folder) if (found := meaning(last(one)).split)), None)


def holding(root: Path) -> list[str]:
    """Returns the names of the folders that hold a data set: that of `root`, and, if it says neither good nor bad,
    those of the two folders above that plainly say defective, as in `NG/lot1`."""
    own, *over = [part for part in (root.name, *(one.name for one in root.parents)) if part][:3] or [""]
    if meaning(own).graded:
        return [own]
    return [own, *(part for part in over if meaning(part).graded == "bad" and meaning(part).plain)]


def silent(part: str) -> bool:
    """Returns whether the name of a folder says nothing about the content: it is neutral or names a split."""
    return meaning(part).neutral or meaning(part).split is not None


def unclear(folder: str) -> bool:
    """Returns whether the name of a folder says both good and bad, or that its images are not for learning."""
    return meaning(last(folder)).both or not words.TAKEN_OUT.isdisjoint(words.parts(last(folder)))


def set_aside(folder: str) -> bool:
    """Returns whether one of the folders above a folder is called after unsorted images or after defects."""
    return any(meaning(last(f)).aside or meaning(last(f)).graded == "bad" for f in above_of(folder)[:-1])


def validated(names: Sequence[str]) -> dict[str, str]:
    """Returns each name with the name as which it is to be read.

    A folder `valid` is read as `flawless` if a folder beside it is called defective, such as `invalid` or `NG`,
    and no other folder beside it names a split. All other folders keep their names.
    """
    folders = {PurePosixPath(folder) for name in names for folder in above(name)}
    beside: dict[PurePosixPath, set[str]] = {}
    for folder in folders:
        beside.setdefault(folder.parent, set()).add(folder.name)
    good = {
        str(folder)
        for folder in folders
        if folder.name.casefold() == "valid"
        and any(meaning(one).graded == "bad" for one in beside[folder.parent])
        and not any(meaning(one).split for one in beside[folder.parent] - {folder.name})
    }
    return {
        name: "/".join(["flawless" if f in good else last(f) for f in above(name)] + [last(name)])
        for name in names
    }
