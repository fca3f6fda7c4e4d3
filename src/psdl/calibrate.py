"""Scores of unseen good images -> thresholds that keep a promise; a score -> verdict; a map -> defect mask."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from psdl.regions import label
from psdl.types import F32, F64, Calibration, Region, Score, Verdict

DOUBT = 0.001  # below this p-value new good images are said to differ from those of the calibration
HELD_OUT = Calibration.origin
STRIDE = 4  # every fourth pixel of every fourth row stands for the map when quantiles are taken


def calibrate(unseen: Iterable[Score], alarm: float, groups: Sequence[object], review: float = 0.0) -> Calibration:
    """Calibration from the scores of good images as if unseen, given one or several at a time.

    groups (N): the item that each image shows. Items are what is exchangeable, not pictures: a picture counts as
    its part of its item, 1 over the number of its pictures. Of new items' pictures at most the share `alarm`
    scores above the threshold, see `order_statistic`; with fewer than 1/alarm - 1 items the largest score is
    taken, and `attainable` says which promise that keeps. review: likewise, the share of good images that a person
    may look at.
    """
    scores, peaks, sampled = [], [], []
    for score in unseen:
        scores.append(score.image)
        peaks.append(score.map.max(axis=(1, 2)).astype(np.float64))
        sampled.append(score.map[:, ::STRIDE, ::STRIDE].copy())
    image = np.concatenate(scores)
    pictures = Counter(groups)
    weights = np.array([1 / pictures[group] for group in groups])
    order = np.argsort(image, kind="stable")
    return Calibration(
        scores=image[order],
        alarm=alarm,
        threshold=order_statistic(image, alarm, weights),
        peak_threshold=order_statistic(np.concatenate(peaks), alarm, weights),
        pixel_threshold=float(np.quantile(np.concatenate(sampled), 1 - alarm)),
        groups=len(pictures),
        weights=weights[order],
        review=review,
    )


def review_threshold(calibration: Calibration) -> float | None:
    """The score above which an image is at least REVIEW; None without a review rate."""
    if not calibration.review:
        return None
    limit = order_statistic(calibration.scores, calibration.review, calibration.weights)
    return min(limit, calibration.threshold)


def edited(calibration: Calibration, alarm: float, review: float, threshold: float | None) -> Calibration:
    """The calibration with other rates, or with a threshold set by hand; its scores, and what masks need, stay.

    A threshold given by hand keeps the promise that it can: `alarm` becomes the share of known scores above it.
    """
    origin = calibration.origin
    if threshold is None:
        threshold = order_statistic(calibration.scores, alarm, calibration.weights)
    else:
        alarm = share_at_least(np.nextafter(threshold, np.inf), calibration)
        origin += "; threshold set by hand"
    return replace(
        calibration, alarm=alarm, review=max(review, alarm) if review else 0.0, threshold=threshold, origin=origin
    )


def alike(old: Calibration, new: Calibration) -> float:
    """How well new good scores agree with old ones: the two-sided p-value of the rank-sum test, normal
    approximation with ties averaged (Mann, Whitney 1947). Small values: they are not exchangeable.

    Pictures of one item are no independent witnesses, so the statistic's variance is taken as many times larger as
    an item has pictures.
    """
    both = np.concatenate([old.scores, new.scores])
    _, places, counts = np.unique(both, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    m, n = len(old.scores), len(new.scores)
    ties = np.sum(counts**3 - counts) / ((m + n) * (m + n - 1))
    pictures = (m + n) / (old.groups + new.groups)
    spread = math.sqrt(pictures * m * n * (m + n + 1 - ties) / 12)
    offset = abs(float(ranks[m:].sum()) - n * (m + n + 1) / 2)
    return math.erfc(offset / spread / math.sqrt(2)) if spread > 0 else 1.0


def order_statistic(scores: F64, alarm: float, weights: F64 | None = None) -> float:
    """The smallest score that at most the share `alarm` of exchangeable new scores exceeds, or the largest.

    That is the ceil((N+1)(1-alarm))-th of N scores (Vovk, Gammerman, Shafer 2005). weights (N,), if given, sum to
    the number of items: the scores up to the threshold must then weigh (items + 1)(1 - alarm), which pools the
    items' distributions (Dunn, Wasserman, Ramdas 2023, two-layer hierarchical models).
    """
    order = np.argsort(scores, kind="stable")
    reached = np.cumsum(np.ones(len(scores)) if weights is None else weights[order])
    # The tiny shift keeps rounding from raising a whole number.
    place = int(np.searchsorted(reached, (reached[-1] + 1) * (1 - alarm) - 1e-9))
    return float(scores[order[min(place, len(scores) - 1)]])


def share_at_least(score: float, calibration: Calibration) -> float:
    """The conformal p-value: the share of items, the new one among them, that score at least as high."""
    scores, weights = calibration.scores, calibration.weights
    first = int(np.searchsorted(scores, score, side="left"))
    above = len(scores) - first if weights is None else float(weights[first:].sum())
    items = len(scores) if weights is None else calibration.groups
    return (1 + above) / (items + 1)


def attainable(items: int, alarm: float) -> float:
    """The false-reject rate that so many calibration items can promise: `alarm`, or 1/(items+1) if that is
    more."""
    return max(alarm, 1 / (items + 1))


def promise(calibration: Calibration) -> list[str]:
    """What the threshold promises, in words, and from how many images and items it was computed."""
    images, groups = len(calibration.scores), calibration.groups
    shown = f" of {groups} items" if groups != images else ""
    items = f"{images} {'held-out ' if calibration.origin == HELD_OUT else ''}good images{shown}"
    kept = attainable(groups, calibration.alarm)
    limit = f"threshold {calibration.threshold:.4g}"
    said = f"{limit}: of new good images like these at most {kept:.2%} should be rejected"
    review = review_threshold(calibration)
    third = []
    if review is not None:
        rate = attainable(groups, calibration.review)
        third = [
            f"REVIEW above {review:.4g}: at most {rate:.2%} of new good images should be, rejected ones included"
        ]
    if kept > calibration.alarm:
        needed = math.ceil(1 / calibration.alarm) - 1
        return [f"{said} ({items}; {calibration.alarm:.2%} was asked for and needs {needed} items)", *third]
    return [f"{said} ({items})", *third]


def agreement(old: Calibration, new: Calibration) -> list[str]:
    """What new good images say of the promise that the old calibration made, in words."""
    images = len(new.scores)
    above = int(np.sum(new.scores > old.threshold))
    share = f"{above} of these {images} good images ({above / images:.1%})"
    said = f"the threshold so far, {old.threshold:.4g}, rejects {share}"
    chance = alike(old, new)
    if chance < DOUBT:
        why = f"they score unlike the images it was set on (rank test, p = {chance:.2g})"
        return [f"{said}; {why}: its promise does not hold for images like these"]
    return [f"{said}; they score like the images it was set on (rank test, p = {chance:.2g})"]


def verdict(score: float, calibration: Calibration) -> Verdict:
    """NG above the threshold, REVIEW above that of review. Raises nothing: a score that is not finite is NG."""
    p_value = share_at_least(score, calibration)
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
    rows, columns = np.nonzero(labels)
    order = np.argsort(labels[rows, columns], kind="stable")
    ends = np.cumsum(np.bincount(labels[rows, columns], minlength=count + 1)[1:])
    found = []
    for part in np.split(order, ends[:-1]) if count else []:
        y, x = rows[part], columns[part]
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
