"""Names of folders: what lies above what, and what names say of each other."""

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
    "validated",
]


@lru_cache(maxsize=65536)
def above_of(folder: str) -> tuple[str, ...]:
    """A folder and those above it, the topmost first; none for the root."""
    parts = PurePosixPath(folder).parts
    return tuple("/".join(parts[: n + 1]) for n in range(len(parts)))


def above(name: str) -> tuple[str, ...]:
    """The folders of an image's name, the topmost first."""
    return above_of(name.rpartition("/")[0])


def shared_by(inside: Collection[str]) -> set[str]:
    """The folders above all of some that say that what they hold is defective, as `crack_dataset`; but not one
    that is all there is and that says nothing else, as `NG`."""
    over = set.intersection(*(set(above_of(folder)) for folder in inside)) if inside else set()
    bad = {folder for folder in over if meaning(last(folder)).graded == "bad"}
    lone = {f for f in inside if len(inside) == 1 and meaning(last(f)).plain}
    return bad - {f for f in lone if not set(words.parts(last(f))) & words.NOUNS}


def last(folder: str) -> str:
    """The last part of a name."""
    return folder.rpartition("/")[2]


def numbered(folders: Collection[str], good: Iterable[str]) -> set[str]:
    """Good folders that are told apart by 0 and 1 alone, which may be the answer, where none beside is bad."""
    named: dict[tuple[str, ...], set[str]] = {}
    for folder in good:
        *before, final = words.parts(last(folder))
        named.setdefault((str(PurePosixPath(folder).parent), *before), set()).add(final)
    bad = {str(PurePosixPath(folder).parent) for folder in folders if meaning(last(folder)).graded == "bad"}
    open_ = {before for before, final in named.items() if final == {"0", "1"} and before[0] not in bad}
    return {f for f in good if (str(PurePosixPath(f).parent), *words.parts(last(f))[:-1]) in open_}


def split_of(folder: str) -> words.Split | None:
    """What a folder is for, by its name and those above it."""
    return next((found for one in above_of(folder) if (found := meaning(last(one)).split)), None)


def holding(root: Path) -> list[str]:
    """What the folders are called that hold a data set: its own name, and, where that says neither good nor bad,
    the one or two above it that plainly say that what they hold is defective, as `NG/lot1`."""
    own, *over = [part for part in (root.name, *(one.name for one in root.parents)) if part][:3] or [""]
    if meaning(own).graded:
        return [own]
    return [own, *(part for part in over if meaning(part).graded == "bad" and meaning(part).plain)]


def silent(part: str) -> bool:
    """Whether the name of a folder says nothing of what is good, but perhaps what it is for."""
    return meaning(part).neutral or meaning(part).split is not None


def set_aside(folder: str) -> bool:
    """Whether a folder lies below one that holds what is not sorted, or what is defective."""
    return any(meaning(last(f)).aside or meaning(last(f)).graded == "bad" for f in above_of(folder)[:-1])


def validated(names: Sequence[str]) -> dict[str, str]:
    """What names are read as: `valid` means good beside what is called defective, as `invalid` or `NG`, where
    nothing else there is called by what it is for."""
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
