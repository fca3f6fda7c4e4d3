"""Samples and file headers -> findings, before work starts: what was found, what will be read and held."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from psdl._util import plugins
from psdl.datasets.choosing import given as given
from psdl.datasets.choosing import given_defects as given_defects
from psdl.datasets.choosing import known_defects as known_defects
from psdl.datasets.choosing import learning as learning
from psdl.datasets.choosing import testing as testing
from psdl.datasets.choosing import unsplit as unsplit
from psdl.datasets.files import Left
from psdl.datasets.tree import UNSURE
from psdl.errors import PsdlError
from psdl.input import decode, masks, preprocess, room
from psdl.types import InputRule, Run, Sample

__all__ = [
    "Findings",
    "Skipped",
    "Usable",
    "check",
    "counted",
    "cut_away",
    "deepened",
    "left",
    "levelled",
    "shrunk",
    "sized",
    "sizes",
    "strangers",
    "usable",
    "with_masks",
]

SIDE = 256  # of the network's input, in pixels
SMALL = 6.0  # times that images are shrunk above which a line says so
LONG = 1.5  # aspect ratio up to which making images square loses nothing that was measured (docs/data.md)


@dataclass(frozen=True)
class Findings:
    """lines: what to say to the user; sizes: how many images of each size (h,w)."""

    lines: tuple[str, ...]
    sizes: Counter[tuple[int, int]]


class Skipped(NamedTuple):
    """An image that cannot be used, and why, in one sentence."""

    sample: Sample
    why: str


class Usable(NamedTuple):
    """Images that can be used, and those that cannot."""

    samples: tuple[Sample, ...]
    skipped: tuple[Skipped, ...]


def left(pictures: Sequence[Left]) -> tuple[Skipped, ...]:
    """Pictures that are no samples, as images that are not judged."""
    return tuple(Skipped(Sample(one.name, one.name, ""), f"left out: {one.why}") for one in pictures)


def strangers(learned: Sequence[str], samples: Sequence[Sample]) -> list[str]:
    """A line that names the categories which the model was not learned from; none if it knows them all."""
    unknown = sorted({s.category for s in samples} - set(learned))
    if not unknown:
        return []
    return [
        f"note: the model learned from {', '.join(learned)}, not from {', '.join(unknown)}: scores may mean little"
    ]


def check(
    samples: Sequence[Sample], rule: InputRule | None, run: Run, done: Callable[[int], None] = lambda _: None
) -> Findings:
    """Opens every file's header, and its mask's; raises PsdlError on the first that cannot be used."""
    sizes: Counter[tuple[int, int]] = Counter()
    for size in run(partial(_size, rule=rule), samples):
        sizes[size] += 1
        done(1)
    return Findings(tuple(_lines(samples, sizes)), sizes)


def sizes(items: Sequence[Any], rule: InputRule | None, run: Run) -> Findings:
    """As `check`, of samples or of images in any other form that `decode.pixels` takes."""
    if all(isinstance(item, Sample) for item in items):
        return check(items, rule, run)
    found = Counter(run(decode.size_of, items))
    return Findings((f"{len(items)} images, taken as good", _sizes_in_words(found)), found)


def _size(sample: Sample, rule: InputRule | None) -> tuple[int, int]:
    """The size (h,w) of an image, its header and its mask's looked at."""
    size = decode.header(sample.path)
    preprocess.plan(rule or InputRule(), size, sample.path)
    if sample.mask:
        masks.check(sample.mask, size, sample.path)
    return size


def usable(
    samples: Sequence[Sample], rule: InputRule | None, run: Run, done: Callable[[int], None] = lambda _: None
) -> Usable:
    """The samples whose files, decoded whole, can be used, and the others with the reason of each."""

    def inspect(sample: Sample) -> str | None:
        try:
            size = _size(sample, rule)
            with room.held(sample.path):
                decode.pixels(sample.path, white=rule.white if rule else None)
            if sample.mask:
                masks.read(sample.mask, size, sample.path)
        except PsdlError as error:
            return str(error)
        return None

    good: list[Sample] = []
    bad: list[Skipped] = []
    for sample, why in zip(samples, run(inspect, samples), strict=True):
        done(1)
        if why is None:
            good.append(sample)
        else:
            bad.append(Skipped(sample, why))
    return Usable(tuple(good), tuple(bad))


def deepened(rule: InputRule, bits: int | None) -> InputRule:
    """The rule for a camera whose samples have so many bits. Raises PsdlError outside 8 to 32."""
    if bits is None:
        return rule
    if not 8 <= bits <= 32:
        raise PsdlError(f"`bit_depth` is {bits}: give the bits of the camera's samples, from 8 to 32")
    return replace(rule, white=2.0**bits - 1)


def sized(rule: InputRule, sizes: Counter[tuple[int, int]], resize: str | None, side: int | None) -> InputRule:
    """The rule with another way to the network's size, for good images of `sizes`; its crop stays.

    resize: "square", both sides to `side` (256 if None); "keep", as many pixels in the middle image's aspect
    ratio, each side a multiple of 8; "none", as large as they are, for which all must have one size; None: "keep"
    where the rule makes squares and the middle image is longer than LONG, else as the rule has it, "square" if a
    side is given. Raises PsdlError on values out of range and on sizes that differ.
    """
    if resize is None and replace(rule, white=None, filter="lanczos") == InputRule():
        ratio = _ratio(sizes) ** 2
        resize = "keep" if max(ratio, 1 / ratio) > LONG else None
    if resize is None and side is None:
        return rule
    resize, length = resize or "square", side or SIDE
    if resize not in ("square", "keep", "none"):
        raise plugins.unknown("value of `resize`", resize, ("square", "keep", "none"))
    if not 32 <= length <= 4096:
        raise PsdlError(f"`size` is {side}: give the network's input size in pixels, from 32 to 4096")
    cut = replace(rule, resize=(length, length), shorter=None, window=None)
    if resize == "keep":
        ratio = _ratio(Counter([rule.crop]) if rule.crop else sizes)
        return replace(cut, resize=(8 * max(4, round(length * ratio / 8)), 8 * max(4, round(length / ratio / 8))))
    if resize == "none":
        if side is not None:
            raise PsdlError(f"`size` {side} was given with `resize` none, which changes no size: leave one out")
        if len(sizes) > 1 and not rule.crop:
            (low, _), (high, _) = min(sizes.items()), max(sizes.items())
            raise PsdlError(
                f"`resize` none needs images of one size, found {low[1]} x {low[0]} to {high[1]} x {high[0]}: use"
                " `resize` keep"
            )
        return replace(cut, resize=None)
    return cut


def shrunk(rule: InputRule, sizes: Counter[tuple[int, int]], scale: float) -> list[str]:
    """A sentence where the network sees images of `sizes` much smaller than they are, at its largest `scale`."""
    source = sorted(sizes.elements())[sizes.total() // 2]
    plain = preprocess.plan(rule, source)
    seen = round(plain.input[1] * scale), round(plain.input[0] * scale)
    times = min(
        (plain.crop[2] - plain.crop[0]) / plain.resized[1], (plain.crop[3] - plain.crop[1]) / plain.resized[0]
    )
    if times / scale < SMALL:
        return []
    least = round(2 * times / scale)
    return [
        f"images are shrunk from {source[1]} x {source[0]} to {seen[0]} x {seen[1]} pixels: a defect of fewer than"
        f" {least} pixels is hard to see; try `size` or `tile`"
    ]


def cut_away(rule: InputRule | None, sizes: Counter[tuple[int, int]]) -> list[str]:
    """A sentence about what the rule cuts away of images of `sizes`; none where it keeps them whole."""
    if rule is None or not (rule.crop or rule.window):
        return []
    source = sorted(sizes.elements())[sizes.total() // 2]
    plain = preprocess.plan(rule, source)
    left, top, right, bottom = preprocess.kept(plain)
    seen = (right - left) * (bottom - top) / (source[0] * source[1])
    if seen > 0.999:
        return []
    return [
        f"the input rule cuts away {1 - seen:.0%} of each image: only the middle {right - left} x {bottom - top}"
        f" of {source[1]} x {source[0]} pixels is looked at, the rest is drawn pale"
    ]


def _ratio(sizes: Counter[tuple[int, int]]) -> float:
    """The root of the middle image's height over its width."""
    return float(np.median([np.sqrt(h / w) for h, w in sizes.elements()]))


def levelled(rule: InputRule, items: Sequence[Any], run: Run) -> InputRule:
    """The rule with the white of the good images that are deeper than 8 bit, if there are any: as it states, or
    the camera's bit depth as their largest sample shows it. Raises PsdlError if they pass the one stated."""
    found = [
        (most, n)
        for n, most in enumerate(run(lambda s: decode.largest(s.path if isinstance(s, Sample) else s), items))
        if most is not None
    ]
    if not found:
        return rule
    most, n = max(found)
    if rule.white is not None and most > rule.white:
        name = items[n].name if isinstance(items[n], Sample) else f"image {n}"
        raise PsdlError(
            f"{name} has a sample of {most:g}, above the {rule.white:g} of `bit_depth`: state a larger one"
        )
    return rule if rule.white is not None else replace(rule, white=decode.white_of(most))


def counted(samples: Sequence[Sample]) -> list[str]:
    """How many images of what kind each category has, in words."""
    lines = []
    for category in sorted({s.category for s in samples}):
        inside = [s for s in samples if s.category == category]
        counts = Counter((s.split, s.label, s.kind == UNSURE) for s in inside)
        words = [f"{n} {_words(*key)}" for key, n in sorted(counts.items(), key=lambda i: str(i[0]), reverse=True)]
        masked = sum(1 for s in inside if s.mask)
        lines.append(f"{category}: {', '.join(words)}" + (f", {masked} with masks" if masked else ""))
        groups = len({s.group for s in inside if s.group})
        if groups:
            lines.append(f"{category}: {groups} groups, kept whole when images are held out")
    return lines


def with_masks(samples: Sequence[Sample], run: Run) -> tuple[tuple[Sample, ...], list[str]]:
    """The samples, those whose mask is empty or seems inverted without it; and sentences about them and about
    defective ones without a mask, where others have one: none of these counts for what is measured of pixels."""

    def inspect(sample: Sample) -> str:
        if not sample.mask:
            return "missing" if sample.label == 1 else ""
        return masks.doubt_of(sample.mask, masks.read(sample.mask, decode.header(sample.path), sample.path))

    doubts = list(run(inspect, samples))
    said, faulty = [], sum(s.label == 1 for s in samples)
    for why in sorted(set(doubts) - {""}):
        hit = [s for s, doubt in zip(samples, doubts, strict=True) if doubt == why]
        if any(s.mask for s in samples):
            said.append(
                f"masks of defective images: {len(hit)} of {faulty} {why}, such as that of {hit[0].name}; what is"
                " measured of pixels leaves these images out"
            )
    kept = (replace(s, mask=None) if doubt else s for s, doubt in zip(samples, doubts, strict=True))
    return tuple(kept), said


def _lines(samples: Sequence[Sample], sizes: Counter[tuple[int, int]]) -> list[str]:
    return [*counted(samples), _sizes_in_words(sizes)]


def _sizes_in_words(sizes: Counter[tuple[int, int]]) -> str:
    (low, high) = (min(sizes), max(sizes)) if sizes else ((0, 0), (0, 0))
    if len(sizes) == 1:
        return f"all {low[1]} x {low[0]} pixels"
    return f"{len(sizes)} sizes, from {low[1]} x {low[0]} to {high[1]} x {high[0]} pixels"


def _words(split: str, label: int | None, unsure: bool) -> str:
    kind = {0: "good", 1: "defective", None: "not known" if unsure else "unlabelled, taken as good"}[label]
    return f"{kind} to {'learn from' if split == 'train' else 'test'}" if split != "none" else kind
