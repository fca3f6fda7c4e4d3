"""Divides samples without a split into train and test, each item on one side, and writes the table that keeps the
split."""

from __future__ import annotations

import csv
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from psdl._util.atomic import atomic_write
from psdl.datasets import choosing
from psdl.datasets.duplicates import grouped
from psdl.datasets.tables import SEVERAL
from psdl.errors import PsdlError
from psdl.types import Progress, Run, Sample

COLUMNS = ("path", "mask", "label", "split", "group", "category", "part")


def split(samples: Sequence[Sample], share: float, seed: int) -> tuple[Sample, ...]:
    """Returns the samples, each with the split train or test. All defective samples are for testing, and so is
    about `share` of the others of each category, drawn by `seed` item by item.

    Raises PsdlError if `share` is not between 0 and 1, and if all good images of a category show one item.
    """
    if not 0 < share < 1:
        raise PsdlError(f"the share for test is {share}: give a value between 0 and 1")
    tested: set[Sample] = {s for s in samples if s.label}
    for index, category in enumerate(sorted({s.category for s in samples})):
        items = defaultdict(list)
        for sample in samples:
            if sample.category == category and not sample.label:
                items[sample.group or sample.part or f"image {sample.name}"].append(sample)
        if len(items) == 1:
            raise PsdlError(f"all good images of {category} show one item, which cannot stand on both sides")
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(3, index)))
        tested |= _drawn(list(items.values()), share, rng)
    return tuple(replace(s, split="test" if s in tested else "train") for s in samples)


class Divided(NamedTuple):
    """Samples with a split, and a sentence about the items that they show."""

    samples: tuple[Sample, ...]
    said: str


def by_items(
    samples: Sequence[Sample],
    share: float,
    seed: int,
    groups: str,
    run: Run,
    progress: Progress,
    white: float | None,
) -> Divided:
    """Returns the samples that are good and those that are defective, with a new split as in `split`, whatever
    split they had. `groups` says how the items of the good ones are found, see `duplicates.grouped`. Raises
    PsdlError if it is not certain which are good, and like `split`."""
    undivided = [replace(s, split="none") for s in samples]
    found = grouped(choosing.learning(undivided), groups, run, progress, white)
    chosen = split([*found.samples, *(s for s in undivided if s.label)], share, seed)
    return Divided(tuple(sorted(chosen, key=lambda s: (s.category, s.name))), found.said)


def _drawn(items: Sequence[Sequence[Sample]], share: float, rng: np.random.Generator) -> set[Sample]:
    """Returns the images of the drawn items. Items come in random order, and each is taken if that brings the
    number of images nearer to the share; at least one is taken, and never all."""
    wanted, taken, count = share * sum(map(len, items)), set[Sample](), 0
    for n in rng.permutation(len(items)):
        nearer = abs(len(taken) + len(items[n]) - wanted) < abs(len(taken) - wanted)
        if count == 0 or (nearer and count < len(items) - 1):
            taken |= set(items[n])
            count += 1
    return taken


def write(samples: Sequence[Sample], path: Path) -> None:
    """Writes the samples as a table with COLUMNS, by replacing the file in one step. Paths are relative to its
    folder."""
    with (
        atomic_write(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        csv.writer(file).writerows([COLUMNS, *(_row(sample, path.resolve().parent) for sample in samples)])


def _row(s: Sample, root: Path) -> list[str]:
    """Returns the values of a sample in the table. `root` is the table's folder."""
    label = (
        "" if s.label is None else "good" if s.label == 0 else s.kind if s.kind not in ("", "good") else "defect"
    )
    masks = (s.mask,) if isinstance(s.mask, str) else s.mask or ()
    mask = SEVERAL.join(_from(one, root) for one in masks)
    return [_from(s.path, root), mask, label, s.split, s.group or "", s.category, s.part or ""]


def _from(path: str, root: Path) -> str:
    """Returns a path relative to `root`; the absolute path if it is on another drive."""
    try:
        return Path(os.path.relpath(os.path.abspath(path), root)).as_posix()
    except ValueError:  # on another drive there is no way
        return os.path.abspath(path)
