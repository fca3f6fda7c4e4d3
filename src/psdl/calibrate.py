"""Scores of unseen good images -> thresholds that keep a promise; a score -> verdict; a map -> defect mask."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from psdl.regions import label
from psdl.types import F32, F64, Calibration, Region, Score, Verdict

DOUBT = 0.001  # below this p-value new good images are said to differ from those of the calibration
HELD_OUT = Calibration.origin
STRIDE = 4  # every fourth pixel of every fourth row stands for the map when quantiles are taken


def calibrate(unseen: Iterable[Score], alarm: float, groups: int, review: float = 0.0) -> Calibration:
    """Calibration from the scores of good images as if unseen, given one or several at a time.

    Of exchangeable good images at most the share `alarm` scores above the threshold, the order statistic
    ceil((N+1)(1-alarm)) of N scores (Vovk, Gammerman, Shafer 2005). With fewer than 1/alarm - 1 images
    the largest score is taken; `attainable` says which promise that keeps. review: likewise, the share of good
    images that a person may look at.
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
        review=review,
    )


def review_threshold(calibration: Calibration) -> float | None:
    """The score above which an image is at least REVIEW; None without a review rate."""
    if not calibration.review:
        return None
    return min(order_statistic(calibration.scores, calibration.review), calibration.threshold)


def edited(calibration: Calibration, alarm: float, review: float, threshold: float | None) -> Calibration:
    """The calibration with other rates, or with a threshold set by hand; its scores, and what masks need, stay.

    A threshold given by hand keeps the promise that it can: `alarm` becomes the share of known scores above it.
    """
    scores = calibration.scores
    origin = calibration.origin
    if threshold is None:
        threshold = order_statistic(scores, alarm)
    else:
        alarm = float((1 + np.sum(scores > threshold)) / (len(scores) + 1))
        origin += "; threshold set by hand"
    return replace(
        calibration, alarm=alarm, review=max(review, alarm) if review else 0.0, threshold=threshold, origin=origin
    )


def alike(old: F64, new: F64) -> float:
    """How well new good scores agree with old ones: the two-sided p-value of the rank-sum test, normal
    approximation with ties averaged (Mann, Whitney 1947). Small values: they are not exchangeable."""
    both = np.concatenate([old, new])
    _, places, counts = np.unique(both, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2)[places]
    m, n = len(old), len(new)
    spread = math.sqrt(m * n * (m + n + 1 - np.sum(counts**3 - counts) / ((m + n) * (m + n - 1))) / 12)
    offset = abs(float(ranks[m:].sum()) - n * (m + n + 1) / 2)
    return math.erfc(offset / spread / math.sqrt(2)) if spread > 0 else 1.0


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
    shown = f" of {groups} items" if groups != images else ""
    items = f"{images} {'held-out ' if calibration.origin == HELD_OUT else ''}good images{shown}"
    kept = attainable(images, calibration.alarm)
    limit = f"threshold {calibration.threshold:.4g}"
    said = f"{limit}: of new good images like these at most {kept:.2%} should be rejected"
    review = review_threshold(calibration)
    third = []
    if review is not None:
        rate = attainable(images, calibration.review)
        third = [
            f"REVIEW above {review:.4g}: at most {rate:.2%} of new good images should be, rejected ones included"
        ]
    if kept > calibration.alarm:
        needed = math.ceil(1 / calibration.alarm) - 1
        return [f"{said} ({items}; {calibration.alarm:.2%} was asked for and needs {needed})", *third]
    return [f"{said} ({items})", *third]


def agreement(old: Calibration, new: Calibration) -> list[str]:
    """What new good images say of the promise that the old calibration made, in words."""
    images = len(new.scores)
    above = int(np.sum(new.scores > old.threshold))
    share = f"{above} of these {images} good images ({above / images:.1%})"
    said = f"the threshold so far, {old.threshold:.4g}, rejects {share}"
    chance = alike(old.scores, new.scores)
    if chance < DOUBT:
        why = f"they score unlike the images it was set on (rank test, p = {chance:.2g})"
        return [f"{said}; {why}: its promise does not hold for images like these"]
    return [f"{said}; they score like the images it was set on (rank test, p = {chance:.2g})"]


def verdict(score: float, calibration: Calibration) -> Verdict:
    """NG above the threshold, REVIEW above that of review. Raises nothing: a score that is not finite is NG."""
    scores = calibration.scores
    at_least = len(scores) - int(np.searchsorted(scores, score, side="left"))
    p_value = (1 + at_least) / (len(scores) + 1)
    review = review_threshold(calibration)
    if not score <= calibration.threshold:
        return Verdict("NG", score, calibration.threshold, p_value, review)
    doubted = review is not None and score > review
    return Verdict("REVIEW" if doubted else "OK", score, calibration.threshold, p_value, review)


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
