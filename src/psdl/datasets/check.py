"""Samples and file headers -> findings, before work starts: what was found, what will be read and held."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from psdl._util import plugins
from psdl.datasets.read import read
from psdl.errors import PsdlError
from psdl.input import decode, preprocess
from psdl.types import InputRule, Run, Sample

SIDE = 256  # of the network's input, in pixels
SMALL = 6.0  # times that images are shrunk above which people are told
LONG = 1.5  # aspect ratio up to which making images square loses nothing that was measured (docs/data.md)


@dataclass(frozen=True)
class Findings:
    """lines: what to tell the user; sizes: how many images of each size (h,w)."""

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


def learning(samples: Sequence[Sample]) -> tuple[Sample, ...]:
    """The good images to learn from: the training split, or all of a plain folder."""
    chosen = tuple(s for s in samples if s.split == "train" and not s.label)
    if not chosen:
        chosen = tuple(s for s in samples if s.split == "none" and not s.label)
    if not chosen:
        raise PsdlError(f"no good images to learn from among {len(samples)} images: put them into train/good")
    if len(chosen) < 2:
        raise PsdlError("one good image cannot be learned from: at least 2 are needed, better 50 or more")
    return chosen


def known_defects(samples: Sequence[Sample]) -> tuple[Sample, ...]:
    """The images that show defects: those labelled so, or all where none has a label. An image's kind is its
    label, or the folder that it lies in. Raises PsdlError if all are labelled good."""
    chosen = [s for s in samples if s.label == 1] or [s for s in samples if s.label is None]
    if not chosen:
        raise PsdlError(
            f"none of {len(samples)} images is labelled as a defect: give a folder or table of defects"
        )
    return tuple(replace(s, label=1, kind=s.kind or Path(s.name).parent.name) for s in chosen)


def testing(samples: Sequence[Sample]) -> tuple[Sample, ...]:
    """The labelled test images. Raises PsdlError if there are none."""
    chosen = tuple(s for s in samples if s.split == "test" and s.label is not None)
    if not chosen:
        raise PsdlError(
            "no labelled test images to measure on: put them into test/good and test/KIND, or use predict"
        )
    return chosen


def given(images: Any) -> tuple[Sequence[Any], InputRule]:
    """What `fit` was given -> images or samples, and the input rule of their layout."""
    if isinstance(images, (str, Path)):
        found = read(images)
        return learning(found.samples), found.rule
    chosen = list(images)
    if len(chosen) < 2:
        raise PsdlError(f"{len(chosen)} good images were given: at least 2 are needed, better 50 or more")
    return chosen, InputRule()


def given_defects(images: Any) -> Sequence[Any]:
    """What `learn_defects` was given -> images or samples."""
    return known_defects(read(images).samples) if isinstance(images, (str, Path)) else list(images)


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


def _size(sample: Sample, rule: InputRule | None) -> tuple[int, int]:
    """The size (h,w) of an image, its header and its mask's looked at."""
    size = decode.header(sample.path)
    preprocess.plan(rule or InputRule(), size, sample.path)
    if sample.mask:
        masked = decode.header(sample.mask)
        if masked != size:
            raise PsdlError(
                f"{sample.path} is {size[1]} x {size[0]} but its mask {sample.mask} is"
                f" {masked[1]} x {masked[0]}: masks must have the image's size, export the mask again"
            )
    return size


def usable(
    samples: Sequence[Sample], rule: InputRule | None, run: Run, done: Callable[[int], None] = lambda _: None
) -> Usable:
    """The samples whose files, decoded whole, can be used, and the others with the reason of each."""

    def look(sample: Sample) -> str | None:
        try:
            size = _size(sample, rule)
            decode.pixels(sample.path, white=rule.white if rule else None)
            if sample.mask:
                preprocess.read_mask(sample.mask, size, sample.path)
        except PsdlError as error:
            return str(error)
        return None

    good: list[Sample] = []
    bad: list[Skipped] = []
    for sample, why in zip(samples, run(look, samples), strict=True):
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
        raise PsdlError(f"--bit-depth is {bits}: give the bits of the camera's samples, from 8 to 32")
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
        raise plugins.unknown("value of --resize", resize, ("square", "keep", "none"))
    if not 32 <= length <= 4096:
        raise PsdlError(f"--size is {side}: give the network's input size in pixels, from 32 to 4096")
    cut = replace(rule, resize=(length, length), shorter=None, window=None)
    if resize == "keep":
        ratio = _ratio(Counter([rule.crop]) if rule.crop else sizes)
        return replace(cut, resize=(8 * max(4, round(length * ratio / 8)), 8 * max(4, round(length / ratio / 8))))
    if resize == "none":
        if side is not None:
            raise PsdlError(f"--size {side} was given with --resize none, which changes no size: leave one out")
        if len(sizes) > 1 and not rule.crop:
            (low, _), (high, _) = min(sizes.items()), max(sizes.items())
            raise PsdlError(
                f"--resize none needs images of one size, found {low[1]} x {low[0]} to {high[1]} x {high[0]}: use"
                " --resize keep"
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
    return [
        f"the network sees images at {seen[0]} x {seen[1]} pixels, {times / scale:.0f} times smaller: small"
        " defects may not show; --size or --tile lets it see more"
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
            f"{name} has a sample of {most:g}, above the {rule.white:g} of --bit-depth: state a larger one"
        )
    return rule if rule.white is not None else replace(rule, white=decode.white_of(most))


def counted(samples: Sequence[Sample]) -> list[str]:
    """How many images of what kind each category has, in words."""
    lines = []
    for category in sorted({s.category for s in samples}):
        inside = [s for s in samples if s.category == category]
        counts = Counter((s.split, s.label) for s in inside)
        words = [f"{n} {_words(*key)}" for key, n in sorted(counts.items(), key=lambda i: str(i[0]), reverse=True)]
        masked = sum(1 for s in inside if s.mask)
        lines.append(f"{category}: {', '.join(words)}" + (f", {masked} with masks" if masked else ""))
        groups = len({s.group for s in inside if s.group})
        if groups:
            lines.append(f"{category}: {groups} groups, kept whole when images are held out")
    return lines


def _lines(samples: Sequence[Sample], sizes: Counter[tuple[int, int]]) -> list[str]:
    lines = counted(samples)
    (low, high) = (min(sizes), max(sizes)) if sizes else ((0, 0), (0, 0))
    if len(sizes) == 1:
        lines.append(f"all {low[1]} x {low[0]} pixels")
    else:
        lines.append(f"{len(sizes)} sizes, from {low[1]} x {low[0]} to {high[1]} x {high[0]} pixels")
    return lines


def _words(split: str, label: int | None) -> str:
    kind = {0: "good", 1: "defective", None: "unlabelled, taken as good"}[label]
    return f"{kind} to {'learn from' if split == 'train' else 'test'}" if split != "none" else kind
