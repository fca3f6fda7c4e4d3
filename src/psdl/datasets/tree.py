"""Decides by the names of folders what each image is taken for: good, defective or not known, and its split.

The words in the names of folders decide (`words.py`), then the names of files (`stems.py`). If one folder is good,
the folders beside it are not. An image that is not certain has no label and the kind UNSURE, and is never learned
from.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import PurePosixPath

from psdl.datasets import words
from psdl.datasets.doubts import unsure
from psdl.datasets.folders import (
    above,
    above_of,
    last,
    numbered,
    set_aside,
    shared_by,
    silent,
    split_of,
    unclear,
    validated,
)
from psdl.datasets.stems import DEFECT, UNSURE, Side, Taken, by_file
from psdl.datasets.words import meaning

__all__ = ["DEFECT", "UNSURE", "Side", "Taken", "settled", "taken", "ways"]

CALLED: dict[words.Role | None, str] = {"bad": "defects", "mask": "masks"}  # as sentences say it


def settled(side: words.Split | None, bad: bool, tested: bool) -> Side:
    """Returns the split of an image. `side` is the split that its folders, a list or a table name; None becomes
    "none". A validation image is for testing if it is `bad` (defective) or if the data set has no test split
    (`tested` is false). Otherwise it is for learning, which holds out images by itself."""
    if side == "val":
        return "train" if tested and not bad else "test"
    return side or "none"


def taken(names: Sequence[str], holders: Sequence[str] = ()) -> dict[str, Taken]:
    """Returns what each image is taken for, by the folders in its name, which is its path below the root, and its
    file.

    `holders` are the names of the folders that hold the root, see `folders.holding`. They label no image. But if
    one of them is called after defects or masks, or a folder that all images share after defects, images that
    nothing else labels are not certain. If the first of `holders` is called good, odd names of files raise no
    doubt.
    """
    called = validated(names)
    if any(name != one for name, one in called.items()):
        found = taken([*called.values()], holders)
        return {name: found[one] for name, one in called.items()}
    folders = _Folders(names)
    tested = any(folders.split(name) == "test" for name in names)
    sides: dict[str, Side] = {name: settled(folders.split(name), False, tested) for name in names}
    found = {name: Taken(sides[name], *folders.label(name)) for name in names}
    for side in ("train", "none"):
        pool = [name for name in names if sides[name] == side]
        others = folders.others(side, pool, found)
        for name, (label, kind) in folders.pool(pool, found, others):
            found[name] = found[name]._replace(label=label, kind=kind)
    classes = {
        kind
        for name, one in found.items()
        if one.side != "test" and one.label is None and not folders.masked(name) and not folders.below_good(name)
        for kind in folders.unknown(name)
    }
    if any(one.label == 0 or one.side != "test" for one in found.values()):
        found |= {name: folders.tested(name, one, classes) for name, one in found.items()}
    kinds = {last(folder) for folder in folders.kinds}
    called_good = any(meaning(one).graded == "good" and meaning(one).plain for one in holders[:1])
    found |= by_file(found, kinds, called_good)
    short = [one for one in holders if len(words.parts(one)) <= 3]
    found |= _below(found, [*short, *map(last, sorted(folders.shared))])
    for name, one in found.items():
        if folders.split(name) == "val":
            found[name] = one._replace(side=settled("val", one.label == 1, tested))
    return found


def _below(found: Mapping[str, Taken], outer: Iterable[str]) -> dict[str, Taken]:
    """Returns the images without a label, as not certain, if one of the `outer` folders that hold all images is
    called after defects or masks; else nothing. If there are good test images, images to learn from are left
    out."""
    said = next((f for f in outer if meaning(f).role in CALLED), None)
    if said is None:
        return {}
    tested = any(one.label == 0 and one.side == "test" for one in found.values())
    kind = unsure(f"the folder {said!r} that holds them all is called after {CALLED[meaning(said).role]}")
    open_ones = {name: one for name, one in found.items() if one.label is None}
    return {n: one._replace(kind=kind) for n, one in open_ones.items() if not (tested and one.side == "train")}


def ways(names: Iterable[str]) -> set[tuple[str, ...]]:
    """Returns the different sequences of folder names above images, without names that are neutral or name a
    split."""
    return {tuple(last(folder) for folder in above(name) if not silent(last(folder))) for name in names}


class _Folders:
    """All folders above some images, by their paths, and what their names say together.

    `shared` are those that hold all images and are called after defects, which is not believed. `doubted` are
    those called good, but not for certain: doubtful ones; those with an unknown word where others are plainly
    good, as `good_bolts`; and `good_0` beside `good_1`. `goods` are the good ones, `good` the folders that hold
    these, and `divided` those of the latter where a good name also names a split. `kinds` are the kinds of
    defects, `contrasted` the folders that hold these, and `called` their names in small letters. `outer` are the
    folders above good ones. `tested_on` and `good_to_test` say whether any folder and whether a good one belongs
    to the split test, and `clear` whether a good one is not set aside. `ways` has the sequences of unknown names
    below each good folder, and, at "", those below none. `direct` are the good folders of images that lie below no
    unknown name there.
    """

    def __init__(self, names: Sequence[str]) -> None:
        inside = {name.rpartition("/")[0] for name in names}
        self.all = {folder for name in names for folder in above(name)}
        self.shared = shared_by(inside)
        graded = [folder for folder in self.all if meaning(last(folder)).graded == "good"]
        plain = {split_of(folder) for folder in graded if meaning(last(folder)).plain}
        self.doubted = {
            folder
            for folder in graded
            if meaning(last(folder)).doubtful
            or (
                not meaning(last(folder)).plain
                and (split_of(folder) in plain or (plain and split_of(folder) == "test"))
            )
        } | numbered(self.all, graded)
        self.goods = {folder for folder in self.all if self.role(folder) == "good"}
        self.good = {PurePosixPath(folder).parent for folder in self.goods}
        self.divided = {PurePosixPath(f).parent for f in self.goods if meaning(last(f)).split}
        self.kinds = {folder for folder in self.all if self.kind(folder)}
        self.contrasted = {PurePosixPath(folder).parent for folder in self.kinds}
        self.called = {last(folder).casefold() for folder in self.kinds}
        self.outer = {one for folder in self.goods for one in above_of(folder)[:-1]}
        self.tested_on = any(split_of(folder) == "test" for folder in self.all)
        self.good_to_test = any(split_of(folder) == "test" for folder in self.goods)
        self.clear = any(not set_aside(folder) for folder in self.goods)
        self.ways: dict[str, set[tuple[str, ...]]] = {}
        self.direct = set()
        for folder in inside:
            good, below = self._deepest_good(above_of(folder))
            self.ways.setdefault(good, set()).add(tuple(self._odd(below)))
            self.direct |= {good} if all(silent(last(one)) for one in below) else set()

    def role(self, folder: str) -> words.Role | None:
        """Returns good or bad as the name of a folder says; None if it says neither, is doubted, or is shared."""
        return None if folder in self.doubted or folder in self.shared else meaning(last(folder)).graded

    def split(self, name: str) -> words.Split | None:
        """Returns the split that the folders of an image name; None if they name none."""
        return split_of(name.rpartition("/")[0])

    def beside_good(self, folder: str) -> bool:
        """Returns whether a folder that is not good lies beside one that is."""
        return self.role(folder) != "good" and PurePosixPath(folder).parent in self.good

    def kind(self, folder: str) -> bool:
        """Returns whether a folder beside a good one can be a kind of defect, by its name. A name with a split can
        if it holds an unknown word and the good folders beside it name splits too."""
        said = meaning(last(folder))
        if folder in self.doubted or not self.beside_good(folder) or said.neutral or said.aside or said.both:
            return False
        return not said.split or (not said.plain and PurePosixPath(folder).parent in self.divided)

    def label(self, name: str) -> tuple[int | None, str]:
        """Returns label and kind of an image by its deepest folder that is good or defective; (None, "") if none
        is. Below a defective folder beside a good one all images are defective."""
        over = above(name)
        surely = [n for n, folder in enumerate(over) if self.role(folder) == "bad" and self.beside_good(folder)]
        said = [n for n, folder in enumerate(over) if self.role(folder) in ("good", "bad")]
        if surely or (said and self.role(over[said[-1]]) == "bad"):
            below = [last(folder) for folder in over[(surely or said[-1:])[0] :]]
            return 1, next(
                part for part in reversed(below) if not meaning(part).neutral and meaning(part).graded != "good"
            )
        return self._good(name, over) if said else (None, "")

    def _good(self, name: str, above: Sequence[str]) -> tuple[int | None, str]:
        """Returns label and kind of an image whose deepest folder with a label is good. `above` are its folders.

        Below a folder set aside, such as `backup`, it is not certain, if good folders exist elsewhere. In a kind
        of defect beside a good folder further down, as `normal_light/hole` beside `normal_light/good`, it is
        defective. Unknown names below the good folder are types of good parts. But they are not certain if images
        lie in the good folder itself (`good/hole` beside images of `good`), if they are kinds of defects too, or
        if they are several and nothing beside the good folder is a kind of defect (`normal/fine` and
        `normal/burnt`).
        """
        good, below = self._deepest_good(above)
        odd = self._odd(below)
        if set_aside(good) and self.clear and split_of(good) != "test":
            return None, UNSURE
        if not odd:
            return 0, "good"
        if good in self.outer:
            return self._beside(name) if any(folder in self.kinds for folder in below) else (None, UNSURE)
        several = len(self.ways[good]) > 1
        sure = PurePosixPath(good).parent in self.contrasted or (self.tested_on and split_of(good) == "train")
        doubt = good in self.direct or (several and (not sure or any(meaning(part).aside for part in odd)))
        return (None, UNSURE) if doubt or {part.casefold() for part in odd} & self.called else (0, "good")

    def _deepest_good(self, above: Sequence[str]) -> tuple[str, Sequence[str]]:
        """Returns the deepest good one of folders, each below the one before, and those below it; "" and () if
        none is."""
        deepest = max((n for n, folder in enumerate(above) if self.role(folder) == "good"), default=None)
        return ("", ()) if deepest is None else (above[deepest], above[deepest + 1 :])

    def _odd(self, below: Sequence[str]) -> list[str]:
        """Returns the names of the folders that say something unknown and do not also lie below defective
        folders."""
        return [last(f) for f in below if not (silent(last(f)) or self._shared(last(f)))]

    def _shared(self, part: str) -> bool:
        """Returns whether a folder of this name also lies below a defective one or a kind of defect, and so is no
        kind."""
        return part.casefold() in self._below_kinds

    @cached_property
    def _below_kinds(self) -> set[str]:
        """The names, in small letters, of folders below defective ones or kinds of defects, but not below good
        ones."""
        return {
            last(folder).casefold()
            for folder in self.all
            if any(one in self.kinds or self.role(one) == "bad" for one in above_of(folder)[:-1])
            and not any(one in self.goods for one in above_of(folder))
        }

    def others(self, side: Side, pool: Sequence[str], found: Mapping[str, Taken]) -> bool:
        """Returns whether other images than the `pool` of the split `side` are known to be the ones to learn from.
        For "none" they are if there are images of the split train. For train they are if there are good images
        without a split, or if there are good folders and an image of the pool lies in a folder of an unknown name
        that is not also the name of a good folder or of one above it."""
        if side == "none":
            return any(one.side == "train" for one in found.values())
        if any(one.side == "none" and one.label == 0 for one in found.values()):
            return True
        holding = {last(one) for folder in self.goods for one in above_of(folder)}
        return bool(self.goods) and any(set(self.unknown(name)) - holding for name in pool)

    def below_good(self, name: str) -> bool:
        """Returns whether an image lies below a good folder."""
        return any(folder in self.goods for folder in above(name))

    def masked(self, name: str) -> bool:
        """Returns whether an image lies below a folder of masks."""
        return any(meaning(last(folder)).role == "mask" for folder in above(name))

    def unknown(self, name: str) -> list[str]:
        """Returns the names of those folders of an image that say something, but neither a split nor good or
        bad."""
        parts = [last(folder) for folder in above(name)]
        return [part for part in parts if not silent(part) and meaning(part).graded is None]

    def tested(self, name: str, one: Taken, classes: Collection[str]) -> Taken:
        """Returns what an image is taken for: `one`, unless that is a test image without a label. In a folder of
        an unknown name it is a defect of that kind, if no images to learn from lie in folders so called,
        `classes`. Beside a good folder `side` and `new` are kinds too, `lot7` is not. Below a doubted folder it is
        not certain."""
        if one.side != "test" or one.label is not None:
            return one
        if any(folder in self.doubted for folder in above(name)):
            return one._replace(kind=UNSURE)
        unknown = self.unknown(name)
        if unknown and not self.good_to_test and all(len(kind) == 1 for kind in unknown):
            return one._replace(kind=UNSURE)  # of 0 and 1, or A and B, either may be good
        kinds = [kind for kind in unknown if not meaning(kind).aside and not meaning(kind).both] or [
            last(folder) for folder in above(name) if self._kind_in_test(folder)
        ]
        return one if not kinds or set(kinds) & set(classes) else Taken("test", 1, kinds[-1])

    def _kind_in_test(self, folder: str) -> bool:
        """Returns whether a folder of the split test is a kind of defect, by its name."""
        part = last(folder)
        if not self.beside_good(folder) or any(c.isdigit() for c in part):
            return self.kind(folder)
        return self.kind(folder) or meaning(part).neutral or bool(set(words.parts(part)) & words.KINDS_TOO)

    def pool(
        self, names: Sequence[str], found: dict[str, Taken], others: bool
    ) -> list[tuple[str, tuple[int | None, str]]]:
        """Returns the names, labels and kinds of those images of one split that no folder labels. If others of the
        split are labelled or UNSURE, `_beside` decides. Else they have no label, and are UNSURE if `others` are to
        be learned from, if their unknown folder names differ, or if a name is doubtful."""
        open_ones = [name for name in names if found[name].label is None]
        if any(found[name].label is not None or found[name].kind == UNSURE for name in names):
            return [(name, self._beside(name)) for name in open_ones]
        ways = {tuple(self.unknown(name)) for name in open_ones}
        passed = {folder for name in open_ones for folder in above(name)}
        sure = len(ways) < 2 and not others and not any(f in self.doubted or unclear(f) for f in passed)
        return [(name, (None, "" if sure else UNSURE)) for name in open_ones]

    def _beside(self, name: str) -> tuple[int | None, str]:
        """Returns label 1 and the kind of an image that lies below a kind of defect; (None, UNSURE) for others."""
        return next(((1, last(folder)) for folder in above(name) if folder in self.kinds), (None, UNSURE))
