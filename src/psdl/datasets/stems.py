"""What the names of files say of images: against their folders, or where these say nothing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import PurePosixPath
from typing import Literal, NamedTuple

from psdl.datasets import words
from psdl.datasets.doubts import UNSURE, unsure
from psdl.datasets.words import Meaning, meaning

__all__ = ["DEFECT", "UNSURE", "Side", "Taken", "by_file"]

DEFECT = "defect"  # the kind of one of which only that is known
Side = Literal["train", "test", "none"]
OPPOSITES = (
    ("pos", "neg"),
    ("green", "red"),
    ("grun", "rot"),
    ("positive", "negative"),
    ("true", "false"),
    ("yes", "no"),
    ("ja", "nein"),
    ("p", "f"),
    ("g", "b"),
    ("g", "d"),
    ("o", "x"),
    ("y", "n"),
)  # words, or their first letters, of which one means good, and it is not certain which
ALL_BAD = "the names of all files, such as {name}, say that they are defective"
OPEN = "the names of files, such as {name}, leave it open whether they are good"
OPPOSED = "the names of files, such as {name}, divide them in two, and do not say which are good"
UNLIKE = (
    "the names of some files, such as {name}, have words that others lack, and do not say whether they are good"
)
CLASSES = 10  # more words than these by which files are answers apart are names, and no classes
DRAWN = re.compile(r"[0-9a-f]{16,}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|([^\W\d_]+\d+){4,}[^\W\d_]*", re.I)


class Taken(NamedTuple):
    """side: what an image is for; label: 0 good, 1 defective, None unknown; kind: the defect's name, or UNSURE."""

    side: Side
    label: int | None = None
    kind: str = ""


def by_file(found: dict[str, Taken], kinds: Collection[str], good: bool = False) -> dict[str, Taken]:
    """What the names of files say against their folders, or where these say nothing. kinds: names of folders that
    are kinds of defects; good: whether the folder that holds all is called good."""
    said = {name: _meaning(name) for name in found}
    new: dict[str, Taken] = {}
    for side in ("train", "test", "none"):
        pool = {n: one for n, one in found.items() if one.side == side and one.label is None}
        answers = _unlabelled(pool, said)
        if not (answers or good or side == "test"):
            odd = [name for name in _unlike(list(pool)) if not pool[name].kind]
            answers = {name: pool[name]._replace(kind=unsure(UNLIKE.format(name=name))) for name in odd}
        new |= answers
    folders: dict[str, list[str]] = {}
    for name in found:
        folders.setdefault(name.rpartition("/")[0], []).append(name)
    known = {tuple(words.parts(kind)) for kind in kinds}
    for inside in folders.values():
        new |= {name: found[name]._replace(label=None, kind=UNSURE) for name in _odd(inside, found, said, known)}
    return new


def _meaning(name: str) -> Meaning:
    """What the stem of a file says, but for numbers drawn at random in it, which hold any word."""
    return meaning(DRAWN.sub(" ", PurePosixPath(name).stem))


def _unlabelled(pool: dict[str, Taken], said: dict[str, Meaning]) -> dict[str, Taken]:
    """Images that no folder labels: good and defective ones as their names say, if that tells some from others;
    then those that say nothing are not known."""
    roles = {name: said[name].graded for name in pool}
    kinds = {(roles[name], roles[name] == "good" and said[name].plain) for name in pool}
    if len(kinds) < 2:
        why = (
            ALL_BAD
            if "bad" in roles.values()
            else OPEN
            if any(said[name].doubtful for name in pool)
            else OPPOSED
            if _opposed(pool)
            else ""
        )
        return {n: one._replace(kind=unsure(why.format(name=n))) for n, one in pool.items()} if why else {}
    plain = ("good", True) in kinds
    new = {}
    for name, one in pool.items():
        if roles[name] == "bad":
            new[name] = one._replace(label=1, kind=DEFECT)
        elif _believed(said[name], plain) and one.kind != UNSURE:
            new[name] = one._replace(label=0, kind="good")
        else:
            new[name] = one._replace(kind=UNSURE)
    return new


def _unlike(names: Sequence[str]) -> list[str]:
    """The images whose files have a word that others lack, as `Teil006_hole` beside `Teil001`; all, where words
    divide them and none has most, as `crazing_1` and `patches_1`; none where nearly each has words of its own."""
    held = {name: _words(name) for name in names}
    counts = Counter(word for some in held.values() for word in some)
    own = {name: frozenset(w for w in some if 2 * counts[w] <= len(names)) for name, some in held.items()}
    classes = Counter(own.values())
    if len(classes) < 2 or len(classes) > min(CLASSES, 1 + len(names) // 3):
        return []
    main, most = classes.most_common(1)[0]
    return [name for name in names if own[name] != main or 2 * most <= len(names)]


def _words(name: str) -> set[str]:
    """The words in the name of a file that say anything."""
    found = words.parts(DRAWN.sub(" ", PurePosixPath(name).stem))
    return {w for w in found if len(w) > 1 and not w.isdigit() and w not in words.NEUTRAL | words.ASIDE}


def _believed(said: Meaning, plain: bool) -> bool:
    """Whether a name that says good is believed. plain: whether others say it plainly."""
    return said.graded == "good" and not said.doubtful and (said.plain or not plain)


def _odd(
    inside: Sequence[str], found: dict[str, Taken], said: dict[str, Meaning], kinds: Collection[tuple[str, ...]]
) -> list[str]:
    """The images of a good folder whose names say that they are defective, that have the name of a kind of defect,
    or an unknown one where others are called good; none if all do."""
    good = [name for name in inside if found[name].label == 0]
    called = any(said[name].graded == "good" for name in good)
    odd = [
        name
        for name in good
        if said[name].graded == "bad"
        or said[name].doubtful
        or (said[name].graded is None and _has(words.parts(PurePosixPath(name).stem), kinds))
        or (called and said[name].graded is None and not said[name].neutral)
    ]
    return odd if len(odd) < len(inside) else []


def _has(parts: Sequence[str], kinds: Collection[tuple[str, ...]]) -> bool:
    """Whether the words of a kind stand among others, one after the other."""
    return any(
        tuple(parts[n : n + length]) in kinds for n in range(len(parts)) for length in range(1, len(parts) - n + 1)
    )


def _opposed(names: Iterable[str]) -> bool:
    """Whether each name holds one of two words that are opposites, or begins with 0 or 1 of its own, and both are
    there."""
    stems = [PurePosixPath(name).stem for name in names]
    firsts = {found[0] if (found := re.split(r"[-_. ]+", stem, maxsplit=1))[1:] else "" for stem in stems}
    if len(stems) > 2 and firsts == {"0", "1"}:
        return True
    held = [set(words.parts(stem)) for stem in stems]
    return any(
        all((one in some) != (other in some) for some in held)
        and any(one in some for some in held)
        and any(other in some for some in held)
        for one, other in OPPOSITES
    )
