"""Scores of unseen good images -> thresholds that keep a promise; a score -> verdict; a map -> defect mask."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from psdl.regions import label
from psdl.types import F32, F64, Calibration, Region, Score, Verdict

STRIDE = 4  # every fourth pixel of every fourth row stands for the map when quantiles are taken


def calibrate(unseen: Iterable[Score], alarm: float, groups: int) -> Calibration:
    """Calibration from the scores of good images as if unseen, given one or several at a time.

    Of exchangeable good images at most the share `alarm` scores above the threshold, the order statistic
    ceil((N+1)(1-alarm)) of N scores (Vovk, Gammerman, Shafer 2005). With fewer than 1/alarm - 1 images
    the largest score is taken; `attainable` says which promise that keeps.
    """
    scores, peaks, sampled = [], [], []
    for score in unseen:
        scores.append(score.image)
        peaks.append(score.map.max(axis=(1, 2)).astype(np.float64))
        sampled.append(score.map[:, ::STRIDE, ::STRIDE].copy())
    image = np.sort(np.concatenate(scores))
    return Calibration(
        scores=image,
        alarm=alarm,
        threshold=order_statistic(image, alarm),
        peak_threshold=order_statistic(np.concatenate(peaks), alarm),
        pixel_threshold=float(np.quantile(np.concatenate(sampled), 1 - alarm)),
        groups=groups,
    )


def order_statistic(scores: F64, alarm: float) -> float:
    """The smallest score that at most the share `alarm` of exchangeable new scores exceeds, or the largest."""
    ascending = np.sort(scores)
    # The tiny shift keeps (N+1)(1-alarm) from being rounded up when it is a whole number.
    place = math.ceil((len(scores) + 1) * (1 - alarm) - 1e-9)
    return float(ascending[min(max(place, 1), len(scores)) - 1])


def attainable(images: int, alarm: float) -> float:
    """The false-reject rate that N calibration images can promise: `alarm`, or 1/(N+1) if that is more."""
    return max(alarm, 1 / (images + 1))


def promise(calibration: Calibration) -> list[str]:
    """What the threshold promises, in words, and from how many images and items it was computed."""
    images, groups = len(calibration.scores), calibration.groups
    items = f"{images} held-out good images" + (f" of {groups} items" if groups != images else "")
    kept = attainable(images, calibration.alarm)
    limit = f"threshold {calibration.threshold:.4g}"
    said = f"{limit}: of new good images like these at most {kept:.2%} should be rejected"
    if kept > calibration.alarm:
        needed = math.ceil(1 / calibration.alarm) - 1
        return [f"{said} ({items}; {calibration.alarm:.2%} was asked for and needs {needed})"]
    return [f"{said} ({items})"]


def verdict(score: float, calibration: Calibration) -> Verdict:
    """NG above the threshold. Raises nothing: a score that is not finite is NG."""
    scores = calibration.scores
    at_least = len(scores) - int(np.searchsorted(scores, score, side="left"))
    p_value = (1 + at_least) / (len(scores) + 1)
    good = score <= calibration.threshold
    return Verdict("OK" if good else "NG", score, calibration.threshold, p_value)


def defect_mask(values: F32, calibration: Calibration) -> NDArray[np.bool_]:
    """(h,w) bool: regions above the pixel threshold that somewhere pass the peak threshold.

    values: a map (h,w). A region reaches from its peak down to half of it, or to the peak threshold where that is
    lower; never below the pixel threshold. So the outline of a strong defect does not follow the map's smooth
    foot, and nothing above the peak threshold is left out.
    """
    high = calibration.peak_threshold
    low = min(calibration.pixel_threshold, high)
    labels, count = label(values > low)
    peaks = np.full(count + 1, -np.inf)
    np.maximum.at(peaks, labels.ravel(), values.ravel())
    peaks[0] = -np.inf
    level = np.where(peaks > high, np.clip(peaks / 2, low, high), np.inf)
    found: NDArray[np.bool_] = values > level[labels]
    return found


def regions(values: F32, mask: NDArray[np.bool_]) -> tuple[Region, ...]:
    """The connected parts (8 neighbours) of a mask (h,w) on a map (h,w), the highest peak first."""
    labels, count = label(mask)
    found = []
    for number in range(1, count + 1):
        y, x = np.nonzero(labels == number)
        top = int(np.argmax(values[y, x]))
        found.append(
            Region(
                area=len(x),
                box=(int(x.min()), int(y.min()), int(x.max()) + 1, int(y.max()) + 1),
                peak=float(values[y[top], x[top]]),
                peak_at=(int(x[top]), int(y[top])),
                centroid=(float(x.mean()), float(y.mean())),
            )
        )
    return tuple(sorted(found, key=lambda region: -region.peak))
