"""The self-test: whether this machine scores images as the one that made the model.

A model carries good images that it learned from, a good image that it did not learn from, and one that looks
defective. Images learned from are not enough: a model that has lost its dictionaries may still find nothing
anomalous in them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from psdl.calibrate import thresholds
from psdl.model.model import VERDICTS, Golden
from psdl.types import F64, Calibration, Score

__all__ = ["chosen", "defective", "deviations", "judged", "proved", "unlearned"]

Pixels = NDArray[np.uint8]

# How far a score (or a map's pixel) may differ from the one on the machine where the model was made, as a share of
# the distance from the median good score (or peak) to the threshold, or to the score itself if that is larger.
# Processors round differently; verdicts do not depend on so little.
TOLERANCE = 0.01
MOVED, GRAIN = 3, 4  # pixels and grey levels by which an image that was not learned from differs from one that was
SIDES = (5, 3, 2, 1)  # the defect's side is the image's shorter side over the first of these that gives NG
STRIPE = 4  # pixels of each black or white stripe of the defect


def unlearned(pixels: Pixels) -> Pixels:
    """Returns a good image (h,w,3) that is new to a model: the given one, slightly shifted and with other
    noise."""
    rng = np.random.default_rng(0)
    moved = np.roll(pixels, (MOVED, -MOVED), (0, 1)).astype(np.int16)
    grain = rng.integers(-GRAIN, GRAIN + 1, moved.shape[:2])[..., None]
    return np.asarray(np.clip(moved + grain, 0, 255), np.uint8)


def defective(pixels: Pixels, side: int, at: tuple[int, int]) -> Pixels:
    """Returns a copy of the image (h,w,3) with a striped square of `side` pixels about the place `at` (row,
    column)."""
    top, left = (max(0, place - side // 2) for place in at)
    striped = pixels.copy()
    part = striped[top : top + side, left : left + side]
    diagonal = np.add.outer(np.arange(part.shape[0]), np.arange(part.shape[1]))
    part[:] = (255 * (diagonal // STRIPE % 2))[..., None]
    return striped


def chosen(
    good: Sequence[Pixels], roi: NDArray[np.bool_] | None, judge: Callable[[Pixels], Golden]
) -> list[Pixels]:
    """Returns the images of the self-test.

    They are the images `good` (h,w,3) that were learned from, a changed copy that was not, and this copy with an
    artificial defect in the middle of the region of interest `roi`, which may have any size. `judge` scores an
    image; the defect is enlarged until its verdict is NG or the largest size is reached.
    """
    new, (height, width) = unlearned(good[len(good) // 2]), good[0].shape[:2]
    inside = np.ones((1, 1), bool) if roi is None else roi
    places = np.argwhere(inside) + 0.5
    row, column = places[np.argmin(np.square(places - places.mean(axis=0)).sum(axis=1))] / inside.shape
    at = int(row * height), int(column * width)
    for share in SIDES:
        bad = defective(new, min(height, width) // share, at)
        if VERDICTS[judge(bad).verdicts[0]] == "NG":
            break
    return [*good, new, bad]


def deviations(then: Golden, now: Golden, calibration: Calibration) -> list[tuple[float, float]]:
    """Returns, for each image, |difference| / tolerance of its score and the largest one of its map.

    A value of at most 1 passes. It is infinite if the verdict differs or if a number is missing on one side.
    `then` are the results stored in the model, `now` those of this machine; `calibration` sets the tolerance.
    """
    limit, middle = calibration.threshold, float(np.median(calibration.scores))
    scores = np.abs(now.scores - then.scores) / _allowed(then.scores, middle, limit)
    scores[~np.isfinite(now.scores) | (now.verdicts != then.verdicts)] = np.inf
    limit, middle = calibration.peak_threshold, float(np.median(calibration.peaks))
    highest = np.nanmax(then.maps, axis=(1, 2)).astype(np.float64)
    apart = np.abs(now.maps.astype(np.float64) - then.maps)
    apart[np.isnan(now.maps) != np.isnan(then.maps)] = np.inf
    maps = np.nanmax(apart, axis=(1, 2)) / _allowed(highest, middle, limit)
    return [(float(a), float(b)) for a, b in zip(scores, maps, strict=True)]


def _allowed(values: F64, middle: float, limit: float) -> F64:
    """Returns the tolerance (n,) of each value: TOLERANCE times its distance from the median, or the threshold's
    if that is larger."""
    allowed: F64 = TOLERANCE * np.maximum(np.maximum(limit - middle, values - middle), 1e-12)
    return allowed


def proved(inputs: Sequence[Pixels], scores: Sequence[Score], calibration: Calibration) -> Golden:
    """Returns the self-test of images (h,w,3) with their scores, one for each image."""
    image, maps = np.concatenate([one.image for one in scores]), np.concatenate([one.map for one in scores])
    return Golden(np.stack(inputs), image, maps, _verdicts(image, calibration))


def judged(golden: Golden, calibration: Calibration) -> Golden:
    """Returns the self-test with the verdicts that another calibration gives."""
    return replace(golden, verdicts=_verdicts(golden.scores, calibration))


def _verdicts(scores: F64, calibration: Calibration) -> Pixels:
    """Returns the verdicts of scores as indices into VERDICTS, uint8."""
    said = [thresholds.verdict(float(score), calibration).verdict for score in scores]
    return np.array([VERDICTS.index(one) for one in said], np.uint8)
