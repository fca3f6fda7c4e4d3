"""Measures one cell of the table: a method, a category of a data set and a seed, in a process of its own, so that
its memory can be measured.

    python -m psdl.compare.cell DATA CATEGORY METHOD SEED [DRAW]

prints one JSON object as its last line. DRAW is a JSON object with fields of Draw, to replace the given split.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from psdl._util.process import own_process
from psdl.api import Detector
from psdl.calibrate.thresholds import threshold_at
from psdl.compare.methods import method
from psdl.datasets import check, duplicates
from psdl.datasets.read import Found, choose, read
from psdl.datasets.split import split
from psdl.errors import PsdlError
from psdl.input import decode
from psdl.measure.found import above, oracle
from psdl.measure.metrics import KEYS, MORE
from psdl.report import tables
from psdl.scoring.result import Result
from psdl.types import Sample

TIMED = 40  # images that scoring is timed on, one at a time


RATES = {"1": 0.01, "5": 0.05}  # false-reject rates at which defects are counted


class Draw(NamedTuple):
    """How a cell departs from the data set's own split. `split` is the seed of a random split of the good images
    by item; `images` is the number of images to learn from, of items drawn by the cell's seed. None: as the data
    set has it."""

    split: int | None = None
    images: int | None = None


GIVEN = Draw()


def cell(data: str, category: str, name: str, seed: int, draw: Draw = GIVEN) -> dict[str, Any]:
    """Returns the metrics of a method on one category.

    `fit_s` is the time of learning in seconds, `score_ms` the median time of judging one decoded image on all
    cores, `model_mb` the size of the model file, and `peak_gb` the peak memory of the process. For each of RATES,
    `found_` is the share of defects above the product's own threshold, `false_` that of good images above it, and
    `oracle_` the share of defects above a threshold set by the test's good images. `images` holds the numbers of
    images learned from and tested on. Raises PsdlError on a data set without defective images or with fewer good
    ones than asked for.
    """
    found = shown(data, name)
    good, test = divided(choose(found.samples, [category]), draw.split)
    if draw.images is not None:
        good = fewer(good, draw.images, seed)
    start = time.perf_counter()
    detector = Detector(method(name, seed)).fit(found._replace(samples=tuple(good)))
    took = time.perf_counter() - start
    judged = list(zip(test, detector.results(test), strict=True))
    timings = _timings(detector, test)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    measured = tables.summed(judged)["categories"][category]
    return {
        **{key: value for key, value in measured.items() if key in (*KEYS, *MORE)},
        **_counted(detector, judged),
        "fit_s": took,
        "score_ms": float(np.median(timings)),
        "model_mb": _size(detector),
        "peak_gb": peak / 1e9,
        "images": [len(good), len(test)],
    }


def shown(data: str, name: str) -> Found:
    """Returns the data set as `fit` reads it: whole images, but for the recipe paper with its published cut."""
    return read(data, published=name == "paper")


def divided(samples: Sequence[Sample], drawn: int | None) -> tuple[Sequence[Sample], Sequence[Sample]]:
    """Returns good images to learn from, and test images: by the given split, or by one drawn with the seed
    `drawn`.

    A drawn split keeps images of one item together and has about as many on each side as the given one. Items are
    those that the data set names or, if it names none, near-duplicates. Raises PsdlError if the test has no good
    images.
    """
    good, test = check.learning(samples), check.testing(samples)
    if drawn is None:
        return good, test
    fine = [sample for sample in test if sample.label == 0]
    if not fine:
        raise PsdlError("the test holds no good images, so no other split can be drawn: leave --splits out")
    both = duplicates.grouped([*good, *fine], "auto", map).samples
    known = split(both, len(fine) / len(both), drawn)
    bad = [sample for sample in test if sample.label]
    return [s for s in known if s.split == "train"], [*(s for s in known if s.split == "test"), *bad]


def fewer(good: Sequence[Sample], images: int, seed: int) -> list[Sample]:
    """Returns exactly `images` of the good images: those of items drawn by `seed`, the last of which is cut, so
    that data sets of small and of large items compare.

    Items are those that the data set names or, if it names none, near-duplicates. Raises PsdlError if there are
    fewer images.
    """
    if len(good) < images:
        raise PsdlError(f"{images} good images were asked for and {len(good)} are there: ask for fewer")
    items: dict[str, list[Sample]] = {}
    for sample in duplicates.grouped(good, "auto", map).samples:
        items.setdefault(str(sample.group or sample.name), []).append(sample)
    order = np.random.default_rng(seed).permutation(sorted(items))
    return [sample for item in order for sample in items[item]][:images]


def _counted(detector: Detector, judged: Sequence[tuple[Sample, Result]]) -> dict[str, float | None]:
    known = detector.model.calibration
    scores, bad = np.array([r.score for _, r in judged]), np.array([s.label == 1 for s, _ in judged])
    out: dict[str, float | None] = {}
    for name, rate in RATES.items():
        limit = threshold_at(known.scores, known.items, rate)
        out[f"found_{name}"], out[f"false_{name}"] = above(scores, bad, limit)
        out[f"oracle_{name}"] = oracle(scores, bad, rate)
    return out


def _size(detector: Detector) -> float:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.psdl"
        detector.save(file)
        return file.stat().st_size / 1e6


def _timings(detector: Detector, samples: Sequence[Sample]) -> list[float]:
    white = detector.recipe.input.white if detector.recipe.input else None
    found = []
    for sample in samples[:: max(1, len(samples) // TIMED)]:
        pixels = decode.pixels(sample.path, white=white)
        start = time.perf_counter()
        detector.score(pixels)
        found.append(1e3 * (time.perf_counter() - start))
    return found


if __name__ == "__main__":
    own_process()
    path, kind, which, first, *rest = sys.argv[1:]
    print(json.dumps(cell(path, kind, which, int(first), Draw(**json.loads(rest[0] if rest else "{}")))))
