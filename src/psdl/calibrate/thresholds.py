"""Computes thresholds with guaranteed rates from the scores of held-out good images, and verdicts from scores."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from psdl._util.binomial import at_most
from psdl.calibrate.strange import item_maxima, strange
from psdl.errors import PsdlError
from psdl.types import F64, Calibration, Origin, Rates, Score, Verdict

__all__ = [
    "alike",
    "attainable",
    "bound",
    "calibrate",
    "edited",
    "extended",
    "joint",
    "largest",
    "needed",
    "numbered",
    "order_statistic",
    "rank_test",
    "rescored",
    "review_at",
    "share_at_least",
    "threshold_at",
    "verdict",
    "weights",
]

STRIDE = 4  # quantiles of the map are taken from every fourth pixel of every fourth row
BY_HAND = "; threshold set by hand"  # at the end of a calibration's origin
PIXEL_SHARES: F64 = 10.0 ** (-np.arange(49) / 8)  # shares of good pixels: 1 down to one in a million


def calibrate(
    unseen: Iterable[Score],
    rates: Rates,
    groups: Sequence[object],
    images: Sequence[Origin] = (),
    averages: NDArray[np.float16] | None = None,
    anomaly: F64 | None = None,
) -> Calibration:
    """Returns the calibration from held-out scores of N good images, which come one or several at a time. `groups`
    (N) is the item that each image shows; items are exchangeable, images are not, see `threshold_at`. `images` (N)
    says where each came from; `averages` (N,D+1) are its averages. `anomaly` (N,) are the anomaly scores, where
    known defects influence the scores. The last three may be missing."""
    scores, peaks, sampled = [], [], []
    for score in unseen:
        scores.append(score.image)
        peaks.append(np.nanmax(score.map, axis=(1, 2)).astype(np.float64))
        sampled.append(score.map[:, ::STRIDE, ::STRIDE].copy())
    image, peak = np.concatenate(scores), np.concatenate(peaks)
    items = numbered(groups)
    order = np.argsort(image, kind="stable")
    threshold = threshold_at(image, items, rates.false_reject, rates.confidence)
    values = np.concatenate(sampled)
    values = values[np.isfinite(values)]  # pixels outside the region of interest are NaN
    shares = PIXEL_SHARES[PIXEL_SHARES * values.size >= 1]
    return Calibration(
        rates=rates,
        scores=image[order],
        peaks=peak[order],
        items=items[order],
        pixels=np.quantile(values, 1 - shares).astype(np.float64),
        threshold=threshold,
        review_threshold=review_at(image, items, rates, threshold),
        peak_threshold=threshold_at(peak, items, rates.false_reject, rates.confidence),
        images=tuple(images[n] for n in order) if images else (),
        anomaly=None if averages is None else (image if anomaly is None else anomaly)[order],
        averages=None if averages is None else averages[order],
    )


def rescored(known: Calibration, scores: F64) -> Calibration:
    """Returns the calibration with other scores (N,), in the order of the present ones, and new thresholds for the
    same rates."""
    order = np.argsort(scores, kind="stable")
    return edited(_reordered(replace(known, scores=scores), order), known.rates, None)


def _reordered(known: Calibration, order: NDArray[np.intp]) -> Calibration:
    """Returns the calibration with its images in another order."""
    return replace(
        known,
        scores=known.scores[order],
        peaks=known.peaks[order],
        items=known.items[order],
        images=tuple(known.images[n] for n in order) if known.images else (),
        anomaly=None if known.anomaly is None else known.anomaly[order],
        averages=None if known.averages is None else known.averages[order],
    )


def numbered(groups: Sequence[object]) -> NDArray[np.int32]:
    """Returns the number (N,) of each image's item, from 0 in the order of their first images."""
    numbers = {group: n for n, group in enumerate(dict.fromkeys(groups))}
    return np.array([numbers[group] for group in groups], np.int32)


def threshold_at(
    scores: F64, items: NDArray[np.int32], false_reject: float, confidence: float = 0.0, every: bool = False
) -> float:
    """Returns the score above which an image is rejected, from scores (N,) and the item (N,) that each image
    shows.

    Without `confidence`, at most the share `false_reject` of new items' images is rejected on average over
    calibration sets (`order_statistic`, each item with weight 1); outliers (`strange`) are left out unless `every`
    is true. With `confidence`, that is its probability that at most the share `false_reject` of new items has any
    image rejected (`bound`, on each item's largest score). With too few items it is the largest score, see
    `attainable`.
    """
    if confidence:
        return bound(largest(scores, items), false_reject, confidence)
    usual = np.ones(len(scores), bool) if every else ~strange(scores, items)
    return order_statistic(scores[usual], false_reject, weights(items)[usual])


def weights(items: NDArray[np.int32]) -> F64:
    """Returns the weight (N,) of each image in its item: 1 over the number of the item's images."""
    counted: F64 = 1 / np.bincount(items)[items]
    return counted


def largest(scores: F64, items: NDArray[np.int32]) -> F64:
    """Returns the largest score of each item, ascending."""
    found = item_maxima(scores, items)
    return np.sort(found[np.isfinite(found)])


def order_statistic(scores: F64, false_reject: float, weights: F64 | None = None) -> float:
    """Returns the smallest score that at most the share `false_reject` of exchangeable new scores exceeds; the
    largest if there is none. It is the ceil((N+1)(1-false_reject))-th of N scores (Vovk, Gammerman, Shafer 2005).
    If `weights` (N,) are given, they sum to the number of items, and the scores up to the threshold must weigh
    (items + 1)(1 - false_reject), which pools the items' distributions (Dunn, Wasserman, Ramdas 2023)."""
    order = np.argsort(scores, kind="stable")
    reached = np.cumsum(np.ones(len(scores)) if weights is None else weights[order])
    # The tiny shift keeps rounding from raising a whole number.
    place = int(np.searchsorted(reached, (reached[-1] + 1) * (1 - false_reject) - 1e-9))
    return float(scores[order[min(place, len(scores) - 1)]])


def bound(ascending: F64, false_reject: float, confidence: float) -> float:
    """Returns the smallest of n ascending scores that at most the share `false_reject` of new scores exceeds with
    the given `confidence`, or the largest: a one-sided, distribution-free tolerance bound (Wilks 1941)."""
    n = len(ascending)
    sure = at_most(n, 1 - false_reject)  # [k - 1]: the probability that the k-th score is high enough
    return float(ascending[min(int(np.searchsorted(sure, confidence)), n - 1)])


def attainable(items: int, false_reject: float, confidence: float = 0.0, left_out: int = 0) -> float:
    """Returns the false-reject rate that so many items can guarantee: `false_reject`, or that of their largest
    score if higher, which is 1/(items+1), or 1 - (1-confidence)^(1/items). Outliers that were `left_out` count as
    rejected: (left_out + what the others guarantee) / (items + 1)."""
    if confidence:
        return max(false_reject, float(1 - (1 - confidence) ** (1 / items)))
    rejected = max(1.0, false_reject * (items - left_out + 1))
    least = (left_out + rejected) / (items + 1) if left_out or rejected <= 1 else false_reject
    return false_reject if least <= false_reject + 1e-12 else least


def needed(false_reject: float, confidence: float = 0.0) -> int:
    """Returns how many good items can guarantee `false_reject`: with 95 % confidence 29 for 10 %, 59 for 5 %, 149
    for 2 %, 299 for 1 % and 598 for 0.5 %."""
    exact = math.log(1 - confidence) / math.log(1 - false_reject) if confidence else 1 / false_reject - 1
    return max(1, math.ceil(exact - 1e-9))


def review_at(
    scores: F64, items: NDArray[np.int32], rates: Rates, threshold: float, every: bool = False
) -> float | None:
    """Returns the score above which an image is at least REVIEW, at most `threshold`; None if the review rate is
    0. `every` is that of `threshold_at`."""
    if not rates.review:
        return None
    return min(threshold_at(scores, items, rates.review, rates.confidence, every), threshold)


def extended(known: Calibration, more: Calibration, said: str) -> Calibration:
    """Returns the calibration with the images of another, whose items are others. `said` describes them in its
    origin. The map values `pixels` stay. It is confirmed if either calibration is."""
    anomaly = averages = None
    if known.anomaly is not None and more.anomaly is not None:
        anomaly = np.append(known.anomaly, more.anomaly)
    if known.averages is not None and more.averages is not None:
        averages = np.concatenate([known.averages, more.averages])
    joined = replace(
        known,
        scores=np.append(known.scores, more.scores),
        peaks=np.append(known.peaks, more.peaks),
        items=np.append(known.items, known.groups + more.items).astype(np.int32),
        images=(*known.images, *more.images) if known.images else (),
        origin=f"{known.origin.removesuffix(BY_HAND)}; {said}",
        anomaly=anomaly,
        averages=averages,
        confirmed=known.confirmed or more.confirmed,
    )
    return edited(_reordered(joined, np.argsort(joined.scores, kind="stable")), known.rates, None)


def edited(calibration: Calibration, rates: Rates, threshold: float | None) -> Calibration:
    """Returns the calibration with other rates, or with a threshold set by hand; its scores stay. With a
    threshold, the false-reject rate becomes the share of scores above it (`share_at_least`), without confidence.
    The review rate rises by as much as that rate, and masks are drawn at it. Raises PsdlError if the threshold is
    not finite."""
    origin = calibration.origin.removesuffix(BY_HAND)
    if threshold is not None:
        if not isinstance(threshold, (int, float)) or not math.isfinite(threshold):
            raise PsdlError(f"the threshold is {threshold!r}: give a finite number")
        false_reject = share_at_least(np.nextafter(threshold, np.inf), calibration)
        review = (
            min(1.0, max(rates.review, false_reject + rates.review - rates.false_reject)) if rates.review else 0.0
        )
        rates = Rates(false_reject, review)
        origin += BY_HAND
    scores, items = calibration.scores, calibration.items
    every = calibration.confirmed
    limit = threshold
    if limit is None:
        limit = threshold_at(scores, items, rates.false_reject, rates.confidence, every)
    return replace(
        calibration,
        rates=rates,
        threshold=limit,
        review_threshold=review_at(scores, items, rates, limit, every),
        peak_threshold=threshold_at(calibration.peaks, items, rates.false_reject, rates.confidence, every),
        origin=origin,
    )


def share_at_least(score: float, calibration: Calibration) -> float:
    """Returns the conformal p-value: the share of items, the new one included, that score at least as high."""
    first = int(np.searchsorted(calibration.scores, score, side="left"))
    above = float(weights(calibration.items)[first:].sum())
    return (1 + above) / (calibration.groups + 1)


def verdict(score: float, calibration: Calibration) -> Verdict:
    """Returns the verdict: NG above the threshold, REVIEW above the review threshold, else OK; NaN is NG."""
    p_value = share_at_least(score, calibration)
    return _judged(score, calibration.threshold, calibration.review_threshold, p_value)


def joint(scores: Sequence[float], calibration: Calibration) -> Verdict:
    """Returns one verdict for a physical part with several images; at most the share `false_reject` of good parts
    is NG. The largest score decides. If every item of the calibration has as many images as the part, thresholds
    come from the items' largest scores; otherwise each image gets its share of the rates (Bonferroni)."""
    score, views, rates = max(scores), len(scores), calibration.rates
    known, items = calibration.scores, calibration.items
    if np.any(np.bincount(items) != views):
        p_value = min(1.0, views * share_at_least(score, calibration))
        rates = replace(rates, false_reject=rates.false_reject / views, review=rates.review / views)
    else:
        known = largest(known, items)
        items = np.arange(len(known), dtype=np.int32)
        p_value = (1 + int(np.sum(known >= score))) / (len(known) + 1)
    every = calibration.confirmed
    threshold = threshold_at(known, items, rates.false_reject, rates.confidence, every)
    return _judged(score, threshold, review_at(known, items, rates, threshold, every), p_value)


def _judged(score: float, threshold: float, review: float | None, p_value: float) -> Verdict:
    """Returns the verdict of a score by these thresholds."""
    if not (math.isfinite(score) and score <= threshold):
        return Verdict("NG", score, threshold, p_value, review)
    doubted = review is not None and score > review
    return Verdict("REVIEW" if doubted else "OK", score, threshold, p_value, review)


def alike(old: Calibration, new: Calibration) -> float:
    """Returns the p-value of `rank_test` for old and new good scores; if it is small, they are not
    exchangeable."""
    return rank_test(old.scores, new.scores, (len(old.scores) + len(new.scores)) / (old.groups + new.groups))


def rank_test(a: F64, b: F64, pictures: float = 1.0) -> float:
    """Returns the two-sided p-value of the rank-sum test of a (m,) and b (n,), by the normal approximation with
    averaged ties (Mann, Whitney 1947). Images of one item are not independent, so the variance is multiplied by
    `pictures`, the mean number of images of an item."""
    _, places, counts = np.unique(np.concatenate([a, b]), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    m, n = len(a), len(b)
    ties = np.sum(counts**3 - counts) / ((m + n) * (m + n - 1))
    spread = math.sqrt(pictures * m * n * (m + n + 1 - ties) / 12)
    offset = abs(float(ranks[m:].sum()) - n * (m + n + 1) / 2)
    return math.erfc(offset / spread / math.sqrt(2)) if spread > 0 else 1.0
