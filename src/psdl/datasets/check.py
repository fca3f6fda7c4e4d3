"""Checks images before work starts: which can be used, how many of which kind there are, and their sizes."""

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
SMALL = 6.0  # factor of shrinking from which a line says so
LONG = 1.5  # aspect ratio up to which making images square loses nothing that was measured (docs/data.md)


@dataclass(frozen=True)
class Findings:
    """`lines` say to the user what was found; `sizes` counts the images of each size (h,w) in pixels."""

    lines: tuple[str, ...]
    sizes: Counter[tuple[int, int]]


class Skipped(NamedTuple):
    """An image that cannot be used, and why, in one sentence."""

    sample: Sample
    why: str


class Usable(NamedTuple):
    """The images that can be used, and those that cannot."""

    samples: tuple[Sample, ...]
    skipped: tuple[Skipped, ...]


def left(pictures: Sequence[Left]) -> tuple[Skipped, ...]:
    """Returns pictures that are no samples as images that are skipped."""
    return tuple(Skipped(Sample(one.name, one.name, ""), f"left out: {one.why}") for one in pictures)


def strangers(learned: Sequence[str], samples: Sequence[Sample]) -> list[str]:
    """Returns a line that names the categories of samples which a model has not `learned`; none if it has all."""
    unknown = sorted({s.category for s in samples} - set(learned))
    if not unknown:
        return []
    return [
        f"note: the model learned from {', '.join(learned)}, not from {', '.join(unknown)}: scores may mean little"
    ]


def check(
    samples: Sequence[Sample], rule: InputRule | None, run: Run, done: Callable[[int], None] = lambda _: None
) -> Findings:
    """Returns what there is, by opening the header of each image and its mask. `rule` is the input rule; None: the
    default. `done` is called with 1 after each image. Raises PsdlError on the first file that cannot be used."""
    sizes: Counter[tuple[int, int]] = Counter()
    for size in run(partial(_size, rule=rule), samples):
        sizes[size] += 1
        done(1)
    return Findings(tuple(_lines(samples, sizes)), sizes)


def sizes(items: Sequence[Any], rule: InputRule | None, run: Run) -> Findings:
    """Returns the same as `check`, for samples or for images in any other form that `decode.pixels` takes."""
    if all(isinstance(item, Sample) for item in items):
        return check(items, rule, run)
    found = Counter(run(decode.size_of, items))
    return Findings((f"{len(items)} images, taken as good", _sizes_in_words(found)), found)


def _size(sample: Sample, rule: InputRule | None) -> tuple[int, int]:
    """Returns the size (h,w) of an image. Raises PsdlError if its header, its mask's or the rule forbids its
    use."""
    size = decode.header(sample.path)
    preprocess.plan(rule or InputRule(), size, sample.path)
    if sample.mask:
        masks.check(sample.mask, size, sample.path)
    return size


def usable(
    samples: Sequence[Sample], rule: InputRule | None, run: Run, done: Callable[[int], None] = lambda _: None
) -> Usable:
    """Returns the samples that can be used, and the others with reasons. Files are decoded whole. See `check`."""

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
    """Returns the rule with the white of a camera of `bits`; None leaves it as it is. Raises PsdlError outside 8
    to 32."""
    if bits is None:
        return rule
    if not 8 <= bits <= 32:
        raise PsdlError(f"`bit_depth` is {bits}: give the bits of the camera's samples, from 8 to 32")
    return replace(rule, white=2.0**bits - 1)


def sized(rule: InputRule, sizes: Counter[tuple[int, int]], resize: str | None, side: int | None) -> InputRule:
    """Returns the rule with the network's input size for good images of `sizes`. Its crop stays.

    `resize` is "square", both sides `side` (None: 256) pixels long; "keep", as many pixels in the median aspect
    ratio, with sides that are multiples of 8; or "none", the images' own size, which must be the same for all.
    None means "keep" for the default rule if the median image is longer than LONG; else "square" if a side is
    given, and the rule as it is if not. Raises PsdlError on values out of range and on different sizes.
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
    """Returns a sentence if the network sees images of `sizes` much smaller at its largest `scale`; none if it
    does not."""
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
    """Returns a sentence that says what the rule cuts away from images of `sizes`; none if it keeps them whole."""
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
    """Returns the root of the height over the width of the median image."""
    return float(np.median([np.sqrt(h / w) for h, w in sizes.elements()]))


def levelled(rule: InputRule, items: Sequence[Any], run: Run) -> InputRule:
    """Returns the rule with a white for images deeper than 8 bits, if there are any: the one it states, or that of
    the fewest bits that hold the largest sample. Raises PsdlError if a sample is larger than the one stated."""
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
    """Returns lines that say how many images of which kind each category has."""
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
    """Returns the samples, without masks that are empty or seem wrong, and sentences about these and about
    defective images without a mask if others have one. Metrics of pixels leave all of these out."""

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
    """Returns what was found in samples, as lines."""
    return [*counted(samples), _sizes_in_words(sizes)]


def _sizes_in_words(sizes: Counter[tuple[int, int]]) -> str:
    """Returns the sizes (h,w) of images in words."""
    (low, high) = (min(sizes), max(sizes)) if sizes else ((0, 0), (0, 0))
    if len(sizes) == 1:
        return f"all {low[1]} x {low[0]} pixels"
    return f"{len(sizes)} sizes, from {low[1]} x {low[0]} to {high[1]} x {high[0]} pixels"


def _words(split: str, label: int | None, unsure: bool) -> str:
    """Returns in words what images with this split and label are."""
    kind = {0: "good", 1: "defective", None: "not known" if unsure else "unlabelled, taken as good"}[label]
    return f"{kind} to {'learn from' if split == 'train' else 'test'}" if split != "none" else kind
