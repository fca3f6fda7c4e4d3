"""Surveys a whole data set before work starts: what is there, what is wrong with it, and whether its split
leaks."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from PIL import Image

from psdl.datasets import choosing, duplicates
from psdl.datasets.duplicates import Pair
from psdl.errors import PsdlError
from psdl.features.extractor import origin
from psdl.input import decode, masks, room
from psdl.input.formats import FORMATS
from psdl.types import Progress, Run, Sample

LEAKING = 0.1  # share of good test images that show items learned from, above which metrics mean little


@dataclass(frozen=True)
class Category:
    """One category of a data set.

    - `counts` are the numbers of images by label and split, in words.
    - `unmasked` is the number of defective images without a mask.
    - `sizes` and `modes` are the numbers of images of each size ("w x h") and each colour mode of PIL.
    """

    name: str
    counts: dict[str, int]
    unmasked: int
    sizes: dict[str, int]
    modes: dict[str, int]


@dataclass(frozen=True)
class Survey:
    """What was found in a data set.

    - `unreadable` has a sentence for each file that cannot be used.
    - `identical` has the names of files with the same bytes.
    - `pairs` are the names of two images that show one item, and their similarity; pairs of different splits come
      first.
    - `learned` is the number of good images to learn from, and `items` the number of items that they show.
    - `tested` is the number of good test images, and `leaks` the number of those that show an item learned from.
    """

    categories: tuple[Category, ...]
    unreadable: tuple[str, ...]
    identical: tuple[tuple[str, ...], ...]
    pairs: tuple[tuple[str, str, float], ...]
    learned: int
    items: int
    tested: int
    leaks: int

    @property
    def leaking(self) -> bool:
        """Whether more than the share LEAKING of good test images show items learned from."""
        return self.leaks > LEAKING * self.tested

    def values(self) -> dict[str, Any]:
        """Returns everything as plain values, for JSON."""
        return {**asdict(self), "leaking": self.leaking}


class _File(NamedTuple):
    """A file that can be used: its size (h,w) as displayed, colour mode and SHA-256, and its largest sample if it
    has more than 8 bits."""

    size: tuple[int, int]
    mode: str
    sha256: str
    largest: float | None


def survey(samples: Sequence[Sample], run: Run, progress: Progress) -> Survey:
    """Returns the survey of samples. Every file is decoded, and all images are compared with each other.
    `progress` is called with a stage, the number just done and the number in all."""
    whole, files, unreadable, same = [], [], [], defaultdict(list)
    for sample, file in zip(samples, run(_inspect, samples), strict=True):
        progress("files", 1, len(samples))
        if isinstance(file, str):
            unreadable.append(file)
            continue
        whole.append(sample)
        files.append(file)
        same[file.sha256].append(sample.name)
    deep = [file.largest for file in files if file.largest is not None]
    white = decode.white_of(max(deep)) if deep else None
    found = duplicates.pairs(whole, run, progress, white)
    found.sort(key=lambda pair: whole[pair.first].split == whole[pair.second].split)
    good = set(choosing.good(whole))
    learn_known = {n for n, s in enumerate(whole) if s in good}
    tested = {n for n, s in enumerate(whole) if s.split == "test" and s.label == 0}
    inside = [pair for pair in found if pair.first in learn_known and pair.second in learn_known]
    joined = duplicates.groups(len(whole), inside)
    return Survey(
        categories=tuple(_category(name, whole, files) for name in sorted({s.category for s in whole})),
        unreadable=tuple(unreadable),
        identical=tuple(tuple(names) for names in same.values() if len(names) > 1),
        pairs=tuple((whole[p.first].name, whole[p.second].name, round(p.alike, 3)) for p in found),
        learned=len(learn_known),
        items=len({joined[n] for n in learn_known}),
        tested=len(tested),
        leaks=len(_across(found, learn_known, tested)),
    )


def _across(found: Sequence[Pair], learn_known: set[int], tested: set[int]) -> set[int]:
    """Returns the test images, by index, that a pair joins to an image learned from."""
    ways = [(a, b) for a, b, _ in found] + [(b, a) for a, b, _ in found]
    return {a for a, b in ways if a in tested and b in learn_known}


def lines(found: Survey) -> list[str]:
    """Returns the survey in words, categories first."""
    said = []
    for category in found.categories:
        counts = ", ".join(f"{n} {what}" for what, n in category.counts.items())
        sizes = ", ".join(f"{size} ({n})" for size, n in list(category.sizes.items())[:3])
        more = f" and {len(category.sizes) - 3} other sizes" if len(category.sizes) > 3 else ""
        said.append(f"{category.name}: {counts}; {category.unmasked} defective without a mask")
        said.append(
            f"{category.name}: {sizes}{more}; {', '.join(f'{m} ({n})' for m, n in category.modes.items())}"
        )
    said += [f"unreadable: {sentence}" for sentence in found.unreadable]
    said += [f"same bytes: {', '.join(names)}" for names in found.identical]
    said += [f"near-duplicates {alike:.2f}: {first}, {second}" for first, second, alike in found.pairs[:20]]
    if len(found.pairs) > 20:
        said.append(f"near-duplicates: {len(found.pairs) - 20} more pairs, all of them with --json")
    said.append(
        f"{found.learned} good images to learn from show {found.items} items, as far as they can be told apart"
    )
    if found.tested:
        said.append(f"{found.leaks} of {found.tested} good test images show an item that is learned from")
    if found.leaking:
        said.append("THE SPLIT LEAKS: figures measured on it would be too good; split by item")
    return said


def _inspect(sample: Sample) -> _File | str:
    """Returns the properties of a file, or the sentence that says why it cannot be used."""
    try:
        largest = decode.largest(sample.path)
        white = None if largest is None else decode.white_of(largest)
        with room.held(sample.path):
            height, width = decode.pixels(sample.path, white=white).shape[:2]
        if sample.mask:
            masks.read(sample.mask, (height, width), sample.path)
        with Image.open(sample.path, formats=FORMATS) as opened:
            return _File((height, width), opened.mode, origin(sample, 0).sha256, largest)
    except PsdlError as error:
        return str(error)


def _category(name: str, samples: Sequence[Sample], files: Sequence[_File]) -> Category:
    """Returns what a category holds. `files` are those of the samples, in the same order."""
    inside = [(s, file) for s, file in zip(samples, files, strict=True) if s.category == name]
    label = {0: "good", 1: "defective", None: "unlabelled"}
    counts = Counter(f"{label[s.label]} in {s.split}" if s.split != "none" else label[s.label] for s, _ in inside)
    sizes = Counter("{1} x {0}".format(*file.size) for _, file in inside)
    return Category(
        name=name,
        counts=dict(sorted(counts.items())),
        unmasked=sum(1 for s, _ in inside if s.label == 1 and not s.mask),
        sizes=dict(sizes.most_common()),
        modes=dict(Counter(file.mode for _, file in inside).most_common()),
    )
