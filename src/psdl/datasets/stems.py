"""Decides what the names of files say about images: against their folders, or where the folders say nothing."""

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

DEFECT = "defect"  # the kind of a defective image whose defect has no name
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
    ("t", "f"),
    ("g", "n"),
    ("g", "b"),
    ("g", "d"),
    ("o", "x"),
    ("y", "n"),
)  # opposite words, or their first letters: one of the two means good, but it is not certain which
ALL_BAD = "the names of all files, such as {name}, say that they are defective"
OPEN = "the names of files, such as {name}, leave it open whether they are good"
OPPOSED = "the names of files, such as {name}, divide them in two, and do not say which are good"
UNLIKE = (
    "the names of some files, such as {name}, have words that others lack, and do not say whether they are good"
)
MADE = "the names of some files, such as {name}, say that they were made of other pictures"
CLASSES = 10  # most groups that words in the names of files divide them into; in more, words name single images
# What programs draw at random for names: hexadecimal numbers, UUIDs, and letters and digits in turn.
DRAWN = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{16,}|([^\W\d_]+\d+){4,}[^\W\d_]*"
    r"|(?<![^\W_])(?=[a-f]*\d)[0-9a-f]{8,15}(?![^\W_])",
    re.I,
)


class Taken(NamedTuple):
    """What an image is taken for.

    - `side` is its split.
    - `label` is 0 for good, 1 for defective, None for unknown.
    - `kind` is the name of the defect, "good", UNSURE, or empty if nothing is known.
    """

    side: Side
    label: int | None = None
    kind: str = ""


def by_file(found: dict[str, Taken], kinds: Collection[str], good: bool = False) -> dict[str, Taken]:
    """Returns what images are taken for whose file names change what `found` takes them for; other images are left
    out.

    `found` is what the folders say about each image. Images that no folder labels get labels from the names of
    their files if these distinguish good from defective images. If they do not, but some names have words that the
    others lack, these images are not certain, except in the split test and if `good`. An image of a good folder
    whose file name contradicts that is not certain either. `kinds` are the names of folders that are kinds of
    defects. `good` says that the folder that holds all images is called good.
    """
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
        if all(found[name].label == 0 for name in inside) and _opposed(inside):
            why = unsure(OPPOSED.format(name=inside[0]))
            new |= {name: found[name]._replace(label=None, kind=why) for name in inside}
        made = [name for name in _derived(inside) if found[name].label == 0]
        new |= {name: found[name]._replace(label=None, kind=unsure(MADE.format(name=name))) for name in made}
    return new


def _derived(inside: Sequence[str]) -> list[str]:
    """Returns the pictures of one folder that are called after another one there and words for what is made of
    pictures, as `000_heatmap` beside `000`."""
    stems = {PurePosixPath(name).stem.casefold(): name for name in inside}
    found = []
    for stem, name in stems.items():
        for cut in re.finditer(r"[-_. ]+", stem):
            added = words.parts(stem[cut.end() :])
            if stem[: cut.start()] in stems and added and words.DERIVED.issuperset(added):
                found.append(name)
    return found


def _meaning(name: str) -> Meaning:
    """Returns what the stem of a file says. Parts of it that a program drew at random are ignored, since they can
    contain any word."""
    return meaning(DRAWN.sub(" ", PurePosixPath(name).stem))


def _unlabelled(pool: dict[str, Taken], said: dict[str, Meaning]) -> dict[str, Taken]:
    """Returns what the names of files say about the images `pool` of one split, which no folder labels.

    `said` has the meaning of each name. If the names say different things, images are good or defective as their
    names say, and not certain if theirs says nothing. If all names say the same, no image is certain if that is
    defective or left open, or if two opposite words divide the images; otherwise the result is empty.
    """
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
    """Returns the images whose file names have words that the others lack, such as `Teil006_hole` beside
    `Teil001`.

    A word counts if at most half of the names have it. All images are returned if no group of names with the same
    words is larger than half, as with `crazing_1` and `patches_1`. None is returned if there are so many groups
    that the words are names of single images.
    """
    held = {name: _words(name) for name in names}
    counts = Counter(word for some in held.values() for word in some)
    own = {name: frozenset(w for w in some if 2 * counts[w] <= len(names)) for name, some in held.items()}
    classes = Counter(own.values())
    if len(classes) < 2 or len(classes) > min(CLASSES, 1 + len(names) // 3):
        return []
    main, most = classes.most_common(1)[0]
    return [name for name in names if own[name] != main or 2 * most <= len(names)]


def _words(name: str) -> set[str]:
    """Returns the words of a file name that may say something: of two letters or more, and listed neither as
    neutral nor as a word for unsorted images."""
    found = words.parts(DRAWN.sub(" ", PurePosixPath(name).stem))
    return {w for w in found if len(w) > 1 and not w.isdigit() and w not in words.NEUTRAL | words.ASIDE}


def _believed(said: Meaning, plain: bool) -> bool:
    """Returns whether a name says good and is believed. A doubtful name is not believed, and, if `plain`, neither
    is a name with unknown words. `plain` says that other names say good without unknown words."""
    return said.graded == "good" and not said.doubtful and (said.plain or not plain)


def _odd(
    inside: Sequence[str], found: dict[str, Taken], said: dict[str, Meaning], kinds: Collection[tuple[str, ...]]
) -> list[str]:
    """Returns the good images of one folder whose file names contradict that; none if all images of the folder are
    such.

    `inside` are all images of the folder. A name contradicts if it says defective, if it is doubtful, if it holds
    the name of a kind of defect, or if it is not neutral and says nothing while others in the folder say good.
    """
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
    """Returns whether the words of one of the kinds stand one after the other among `parts`."""
    return any(
        tuple(parts[n : n + length]) in kinds for n in range(len(parts)) for length in range(1, len(parts) - n + 1)
    )


def _opposed(names: Iterable[str]) -> bool:
    """Returns whether names divide the images by two opposites. Either each name holds one of two opposite words,
    or each of more than two names begins or ends with a separate 0 or 1. Both must occur. A number at the end
    counts views of a part if two names are the same but for it."""
    stems = [DRAWN.sub("", PurePosixPath(name).stem) for name in names]
    firsts = {found[0] if (found := re.split(r"[-_. ]+", stem, maxsplit=1))[1:] else "" for stem in stems}
    if len(stems) > 2 and firsts == {"0", "1"}:
        return True
    lasts = [re.split(r"[-_. ]+(?=[^-_. ]+$)", stem, maxsplit=1) for stem in stems]
    if len(stems) > 2 and {last[1] if last[1:] else "" for last in lasts} == {"0", "1"}:
        return len({last[0] for last in lasts}) == len(stems)
    held = [set(words.parts(stem)) for stem in stems]
    return any(
        all((one in some) != (other in some) for some in held)
        and any(one in some for some in held)
        and any(other in some for some in held)
        for one, other in OPPOSITES
    )
