"""Names of images below a folder -> what each is taken for: good, defective or not known; to learn from, to test.

Folders say it by the words in their names (`words.py`). Where one folder is good, those beside it are not; where
nothing is certain an image is UNSURE, and never learned from.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Literal, NamedTuple

from psdl.datasets import words
from psdl.datasets.doubts import UNSURE as UNSURE
from psdl.datasets.words import meaning

DEFECT = "defect"  # the kind of one of which only that is known
Side = Literal["train", "test", "none"]


class Taken(NamedTuple):
    """side: what an image is for; label: 0 good, 1 defective, None unknown; kind: the defect's name, or UNSURE."""

    side: Side
    label: int | None = None
    kind: str = ""


def settled(side: words.Split | None, bad: bool, tested: bool) -> Side:
    """What an image is for. One to validate with is for test where the set has no part for it, or if it is
    defective; else it is for learning, which holds out what it needs by itself. tested: whether there is one."""
    if side == "val":
        return "train" if tested and not bad else "test"
    return side or "none"


def taken(names: Sequence[str], root: str = "") -> dict[str, Taken]:
    """What each image is taken for, by the folders of its name, else by its file's name.

    root: the name of the folder that holds them, of which nothing is believed but that they are not good."""
    folders = _Folders(names)
    tested = any(folders.split(name) == "test" for name in names)
    sides: dict[str, Side] = {name: settled(folders.split(name), False, tested) for name in names}
    found = {name: Taken(sides[name], *folders.label(name)) for name in names}
    for side in ("train", "none"):
        pool = [name for name in names if sides[name] == side]
        others = side == "none" and any(value == "train" for value in sides.values())
        for name, (label, kind) in folders.pool(pool, found, others):
            found[name] = found[name]._replace(label=label, kind=kind)
    classes = {
        kind
        for name, one in found.items()
        if one.side != "test" and one.label is None and not folders.masked(name)
        for kind in folders.unknown(name)
    }
    if any(one.label == 0 or one.side != "test" for one in found.values()):
        found |= {name: folders.tested(name, one, classes) for name, one in found.items()}
    found |= _by_file(found)
    if words.meaning(root).role in ("bad", "mask") and len(words.parts(root)) <= 3:
        found |= {name: one._replace(kind=UNSURE) for name, one in found.items() if one.label is None}
    for name, one in found.items():
        if folders.split(name) == "val":
            found[name] = one._replace(side=settled("val", one.label == 1, tested))
    return found


class _Folders:
    """The folders of names, and what they say together."""

    def __init__(self, names: Iterable[str]) -> None:
        self.all = {folder for name in names for folder in _above(name)}
        self.good = {PurePosixPath(folder).parent for folder in self.all if _role(folder) == "good"}

    def split(self, name: str) -> words.Split | None:
        return next((found for folder in _above(name) if (found := meaning(_last(folder)).split)), None)

    def beside_good(self, folder: str) -> bool:
        """Whether a folder that is not good lies beside one that is."""
        return _role(folder) != "good" and PurePosixPath(folder).parent in self.good

    def label(self, name: str) -> tuple[int | None, str]:
        """Label and kind by the deepest folder that says one, but what is beside good ones holds nothing good."""
        above = _above(name)
        surely = [n for n, folder in enumerate(above) if _role(folder) == "bad" and self.beside_good(folder)]
        said = [n for n, folder in enumerate(above) if _role(folder) in ("good", "bad")]
        if surely or (said and _role(above[said[-1]]) == "bad"):
            below = [_last(folder) for folder in above[(surely or said[-1:])[0] :]]
            return 1, next(
                part for part in reversed(below) if not meaning(part).neutral and meaning(part).role != "good"
            )
        return (0, "good") if said else (None, "")

    def masked(self, name: str) -> bool:
        """Whether an image lies below a folder of masks."""
        return any(meaning(_last(folder)).role == "mask" for folder in _above(name))

    def unknown(self, name: str) -> list[str]:
        """The folders of a name that say something, but nothing that is known."""
        parts = [_last(folder) for folder in _above(name)]
        return [
            part
            for part in parts
            if not meaning(part).neutral and not meaning(part).split and meaning(part).role in (None, "mask")
        ]

    def tested(self, name: str, one: Taken, classes: Collection[str]) -> Taken:
        """An image to test with below a folder that is not known: a kind of defect, if there are images to learn
        from and none of these is called so."""
        kinds = [kind for kind in self.unknown(name) if not meaning(kind).aside]
        if one.side != "test" or one.label is not None or not kinds or set(kinds) & set(classes):
            return one
        return Taken("test", 1, kinds[-1])

    def pool(
        self, names: Sequence[str], found: dict[str, Taken], others: bool
    ) -> list[tuple[str, tuple[int | None, str]]]:
        """Label and kind of the images that no folder labels among those of one side. others: whether it is known
        that others are to be learned from."""
        open_ones = [name for name in names if found[name].label is None]
        if any(found[name].label is not None for name in names):
            return [(name, self._beside(name)) for name in open_ones]
        ways = {tuple(self.unknown(name)) for name in open_ones}
        sure = len(ways) < 2 and not others
        return [(name, (None, "" if sure else UNSURE)) for name in open_ones]

    def _beside(self, name: str) -> tuple[int | None, str]:
        """An image of a folder that is not known, beside a good one: defective, if its name can be a kind."""
        for folder in _above(name):
            said = meaning(_last(folder))
            if self.beside_good(folder) and not (said.neutral or said.aside or said.split or said.role == "mask"):
                return 1, _last(folder)
        return None, UNSURE


def _by_file(found: dict[str, Taken]) -> dict[str, Taken]:
    """What the names of files say against their folders, or where these say nothing."""
    said = {name: meaning(PurePosixPath(name).stem).role for name in found}
    new: dict[str, Taken] = {}
    folders: dict[str, list[str]] = {}
    for name in found:
        folders.setdefault(name.rpartition("/")[0], []).append(name)
    for inside in folders.values():
        bad = [name for name in inside if said[name] == "bad"]
        if not bad:
            continue
        for name in inside:
            one = found[name]
            if one.label == 0 and name in bad and len(bad) < len(inside):
                new[name] = one._replace(label=None, kind=UNSURE)
            elif one.label is None and said[name] in ("good", "bad") and len(bad) < len(inside):
                new[name] = one._replace(label=int(name in bad), kind=DEFECT if name in bad else "good")
            elif one.label is None:
                new[name] = one._replace(kind=UNSURE)
    return new


@lru_cache(maxsize=65536)
def _above_of(folder: str) -> tuple[str, ...]:
    """A folder and those above it, the topmost first; none for the root."""
    parts = PurePosixPath(folder).parts
    return tuple("/".join(parts[: n + 1]) for n in range(len(parts)))


def _above(name: str) -> tuple[str, ...]:
    return _above_of(name.rpartition("/")[0])


def _last(folder: str) -> str:
    return folder.rpartition("/")[2]


def _role(folder: str) -> words.Role | None:
    """What a folder says. One called after masks that holds images is one of defects, if its name says these."""
    said = meaning(_last(folder))
    return "bad" if said.role == "mask" and said.but_mask == "bad" else said.role
