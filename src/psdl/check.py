"""Samples and file headers -> findings, before work starts: what was found, what will be read and held."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from psdl import image
from psdl.errors import PsdlError
from psdl.types import InputRule, Run, Sample


@dataclass(frozen=True)
class Findings:
    """lines: what to tell the user; sizes: how many images of each size (h,w)."""

    lines: tuple[str, ...]
    sizes: Counter[tuple[int, int]]


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


def testing(samples: Sequence[Sample]) -> tuple[Sample, ...]:
    """The labelled test images. Raises PsdlError if there are none."""
    chosen = tuple(s for s in samples if s.split == "test" and s.label is not None)
    if not chosen:
        raise PsdlError(
            "no labelled test images to measure on: put them into test/good and test/KIND, or use predict"
        )
    return chosen


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

    def look(sample: Sample) -> tuple[int, int]:
        size = image.header(sample.path)
        image.plan(rule or InputRule(), size, sample.path)
        if sample.mask:
            masked = image.header(sample.mask)
            if masked != size:
                raise PsdlError(
                    f"{sample.path} is {size[1]} x {size[0]} but its mask {sample.mask} is"
                    f" {masked[1]} x {masked[0]}: masks must have the image's size, export the mask again"
                )
        return size

    for size in run(look, samples):
        sizes[size] += 1
        done(1)
    return Findings(tuple(_lines(samples, sizes)), sizes)


def _lines(samples: Sequence[Sample], sizes: Counter[tuple[int, int]]) -> list[str]:
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
    (low, high) = (min(sizes), max(sizes)) if sizes else ((0, 0), (0, 0))
    if len(sizes) == 1:
        lines.append(f"all {low[1]} x {low[0]} pixels")
    else:
        lines.append(f"{len(sizes)} sizes, from {low[1]} x {low[0]} to {high[1]} x {high[0]} pixels")
    return lines


def _words(split: str, label: int | None) -> str:
    kind = {0: "good", 1: "defective", None: "unlabelled, taken as good"}[label]
    return f"{kind} to {'learn from' if split == 'train' else 'test'}" if split != "none" else kind
