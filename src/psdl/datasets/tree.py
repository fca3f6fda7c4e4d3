"""Names of images below a folder -> what each is taken for: good, defective or not known; to learn from, to test.

Folders say it by the words in their names (`words.py`). Where one folder is good, those beside it are not; where
nothing is certain an image is UNSURE, and never learned from.
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
    validated,
)
from psdl.datasets.stems import DEFECT, UNSURE, Side, Taken, by_file
from psdl.datasets.words import meaning

__all__ = ["DEFECT", "UNSURE", "Side", "Taken", "settled", "taken", "ways"]

CALLED: dict[words.Role | None, str] = {"bad": "defects", "mask": "masks"}


def settled(side: words.Split | None, bad: bool, tested: bool) -> Side:
    """What an image is for. One to validate with is for test where the set has no part for it, or if it is
    defective; else it is for learning, which holds out what it needs by itself. tested: whether there is one."""
    if side == "val":
        return "train" if tested and not bad else "test"
    return side or "none"


def taken(names: Sequence[str], holders: Sequence[str] = ()) -> dict[str, Taken]:
    """What each image is taken for, by the folders of its name, else by its file's name.

    holders: the names of the folders that hold them, of which nothing is believed but that they are not good; no
    more is of folders that all of them share."""
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
    """The images without a label that lie below folders of which one says that they are not good: they are not
    known, but for those to learn from where good ones to test are there. outer: what these folders are called."""
    said = next((f for f in outer if meaning(f).role in CALLED), None)
    if said is None:
        return {}
    tested = any(one.label == 0 and one.side == "test" for one in found.values())
    kind = unsure(f"the folder {said!r} that holds them all is called after {CALLED[meaning(said).role]}")
    open_ones = {name: one for name, one in found.items() if one.label is None}
    return {n: one._replace(kind=kind) for n, one in open_ones.items() if not (tested and one.side == "train")}


def ways(names: Iterable[str]) -> set[tuple[str, ...]]:
    """What the folders of names say that is neither neutral nor what they are for, each way once."""
    return {tuple(last(folder) for folder in above(name) if not silent(last(folder))) for name in names}


class _Folders:
    """The folders of names, and what they say together.

    doubted: those whose name says good but leaves it open, or holds an unknown word too, as `good_bolts`,
    where others are plainly good, and `good_0` beside `good_1`; goods: those that are good; good: the folders
    that hold these; divided: those of them whose good ones are called by what they are for; good_to_test:
    whether there is one to test with; contrasted: those with a kind of defect; called: the names of kinds;
    outer: the folders that good ones lie below; clear: whether a good one is not set aside; ways: the unknown
    names below each good one; direct: those with images of no such name; shared: those saying that what they
    hold is defective that hold all images, of which that is not believed."""

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
        return None if folder in self.doubted or folder in self.shared else meaning(last(folder)).graded

    def split(self, name: str) -> words.Split | None:
        return split_of(name.rpartition("/")[0])

    def beside_good(self, folder: str) -> bool:
        """Whether a folder that is not good lies beside one that is."""
        return self.role(folder) != "good" and PurePosixPath(folder).parent in self.good

    def kind(self, folder: str) -> bool:
        """Whether a folder beside a good one can be a kind of defect, by its name."""
        said = meaning(last(folder))
        if folder in self.doubted or not self.beside_good(folder) or said.neutral or said.aside or said.both:
            return False
        return not said.split or (not said.plain and PurePosixPath(folder).parent in self.divided)

    def label(self, name: str) -> tuple[int | None, str]:
        """Label and kind by the deepest folder that says one, but what is beside good ones holds nothing good."""
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
        """Label and kind of an image below a folder that is good.

        What lies beside good ones further down is not, as `normal_light/hole` beside `normal_light/good`. Folders
        of several unknown names are not certain where images lie beside them, or where nothing is there that the
        good folder is good in contrast to: `good/hole` beside the images of `good`, `normal/fine` and
        `normal/burnt`. What is good below `backup` is not, where good ones lie elsewhere."""
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
        """The deepest good folder of some, each below the one before, and those below it; "" and none without."""
        deepest = max((n for n, folder in enumerate(above) if self.role(folder) == "good"), default=None)
        return ("", ()) if deepest is None else (above[deepest], above[deepest + 1 :])

    def _odd(self, below: Sequence[str]) -> list[str]:
        """The names of folders that say something unknown and are not found below defective ones too."""
        return [last(f) for f in below if not (silent(last(f)) or self._shared(last(f)))]

    def _shared(self, part: str) -> bool:
        """Whether a folder is called so below one that is defective, or a kind of defect: then it is no kind."""
        return part.casefold() in self._below_kinds

    @cached_property
    def _below_kinds(self) -> set[str]:
        return {
            last(folder).casefold()
            for folder in self.all
            if any(one in self.kinds or self.role(one) == "bad" for one in above_of(folder)[:-1])
            and not any(one in self.goods for one in above_of(folder))
        }

    def others(self, side: Side, pool: Sequence[str], found: Mapping[str, Taken]) -> bool:
        """Whether it is known that others than those of one side are to be learned from: those for learning beside
        any without a side; good ones without a side beside those for learning; and where those to test with have a
        good folder, any that are not called as what holds it."""
        if side == "none":
            return any(one.side == "train" for one in found.values())
        if any(one.side == "none" and one.label == 0 for one in found.values()):
            return True
        holding = {last(one) for folder in self.goods for one in above_of(folder)}
        return bool(self.goods) and any(set(self.unknown(name)) - holding for name in pool)

    def below_good(self, name: str) -> bool:
        return any(folder in self.goods for folder in above(name))

    def masked(self, name: str) -> bool:
        """Whether an image lies below a folder of masks."""
        return any(meaning(last(folder)).role == "mask" for folder in above(name))

    def unknown(self, name: str) -> list[str]:
        """The folders of a name that say something, but nothing that is known."""
        parts = [last(folder) for folder in above(name)]
        return [part for part in parts if not silent(part) and meaning(part).graded is None]

    def tested(self, name: str, one: Taken, classes: Collection[str]) -> Taken:
        """An image to test with below a folder that is not known: a kind of defect, if there are images to learn
        from and none of these is called so. Beside a good folder `side` and `new` are kinds too, `lot7` is not."""
        if one.side != "test" or one.label is not None:
            return one
        if any(folder in self.doubted for folder in above(name)):
            return one._replace(kind=UNSURE)
        unknown = self.unknown(name)
        if unknown and not self.good_to_test and all(len(kind) == 1 for kind in unknown):
            return one._replace(kind=UNSURE)  # 0 and 1, A and B: which of them is good?
        kinds = [kind for kind in unknown if not meaning(kind).aside and not meaning(kind).both] or [
            last(folder) for folder in above(name) if self._kind_in_test(folder)
        ]
        return one if not kinds or set(kinds) & set(classes) else Taken("test", 1, kinds[-1])

    def _kind_in_test(self, folder: str) -> bool:
        part = last(folder)
        if not self.beside_good(folder) or any(c.isdigit() for c in part):
            return self.kind(folder)
        return self.kind(folder) or meaning(part).neutral or bool(set(words.parts(part)) & words.KINDS_TOO)

    def pool(
        self, names: Sequence[str], found: dict[str, Taken], others: bool
    ) -> list[tuple[str, tuple[int | None, str]]]:
        """Label and kind of the images that no folder labels among those of one side. others: whether it is known
        that others are to be learned from."""
        open_ones = [name for name in names if found[name].label is None]
        if any(found[name].label is not None or found[name].kind == UNSURE for name in names):
            return [(name, self._beside(name)) for name in open_ones]
        ways = {tuple(self.unknown(name)) for name in open_ones}
        passed = {folder for name in open_ones for folder in above(name)}
        sure = len(ways) < 2 and not others and not any(f in self.doubted or meaning(last(f)).both for f in passed)
        return [(name, (None, "" if sure else UNSURE)) for name in open_ones]

    def _beside(self, name: str) -> tuple[int | None, str]:
        """An image of a folder that is not known, beside a good one: defective, if its name can be a kind."""
        return next(((1, last(folder)) for folder in above(name) if folder in self.kinds), (None, UNSURE))
