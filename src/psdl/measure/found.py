"""Computes the shares of defects found and of good images rejected, with confidence intervals, from verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from psdl._util.binomial import interval
from psdl.types import F64

DRAWS = 2000
EXACT, RESAMPLED = "Clopper-Pearson", "bootstrap over items"
KINDS = ("found_ng", "found_review", "false_ng", "false_review")  # keys of the result of `found`
Share = dict[str, Any]


def found(verdicts: Sequence[str], labels: NDArray[np.bool_], items: Sequence[object]) -> dict[str, Share | None]:
    """Returns the shares of images that are NG, and that are NG or REVIEW, of defects and of good images, by
    KINDS.

    `labels` (n,) is true for defects, and `items` names the item that each image shows. The values are those of
    `share`, or None where there are no such images.
    """
    rejected = np.array([verdict == "NG" for verdict in verdicts], bool)
    doubted = np.array([verdict != "OK" for verdict in verdicts], bool)
    shows = np.unique([str(item) for item in items], return_inverse=True)[1]
    pairs = ((labels, rejected), (labels, doubted), (~labels, rejected), (~labels, doubted))
    return {
        name: share(hits[inside], shows[inside]) if inside.any() else None
        for name, (inside, hits) in zip(KINDS, pairs, strict=True)
    }


def share(hits: NDArray[np.bool_], items: NDArray[np.intp]) -> Share:
    """Returns the share of hits (n,) with its 95 % interval: the keys are share, low, high, count, items and how.

    `items` (n,) is the item that each image shows. `count` is the number of images, and the key `items` the number
    of items. `how` is "Clopper-Pearson" if each image shows another item (Clopper, Pearson 1934). Otherwise it is
    "bootstrap over items": items are drawn with replacement, and quantiles of the shares are taken (Davison,
    Hinkley 1997). If all images are hits or none is, nothing varies; then the interval is Clopper-Pearson's with
    each item as one trial.
    """
    items = np.unique(items, return_inverse=True)[1]
    count, shown = len(hits), int(items.max()) + 1
    mean = float(hits.mean())
    if shown == count or mean in (0.0, 1.0):
        low, high = interval(shown if mean == 1 else 0 if mean == 0 else int(hits.sum()), shown)
        how = EXACT
    else:
        low, high = _resampled(hits, items, shown)
        how = RESAMPLED
    return {"share": mean, "low": low, "high": high, "count": count, "items": shown, "how": how}


def _resampled(hits: NDArray[np.bool_], items: NDArray[np.intp], shown: int) -> tuple[float, float]:
    """Returns the bootstrap interval of the share of hits."""
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(shown, np.full(shown, 1 / shown), size=DRAWS)
    sizes = np.bincount(items, minlength=shown)
    shares: F64 = (drawn @ np.bincount(items, hits, minlength=shown)) / (drawn @ sizes)
    low, high = np.quantile(shares, [0.025, 0.975])
    return float(low), float(high)


def means(categories: Sequence[Mapping[str, Any]]) -> dict[str, Share | None]:
    """Returns the mean share over the categories that have it, by KINDS, without an interval; None if none
    has it."""
    out: dict[str, Share | None] = {}
    for name in KINDS:
        shares = [one[name]["share"] for one in categories if one.get(name)]
        out[name] = {"share": float(np.mean(shares))} if shares else None
    return out


def above(scores: F64, bad: NDArray[np.bool_], threshold: float) -> tuple[float | None, float | None]:
    """Returns the shares of defective and of good images whose score exceeds a threshold; None if there are no
    such images."""
    over = scores > threshold
    return tuple(float(over[kind].mean()) if kind.any() else None for kind in (bad, ~bad))  # type: ignore[return-value]


def oracle(scores: F64, bad: NDArray[np.bool_], rate: float) -> float | None:
    """Returns the share of defects above the score that at most the share `rate` of the good test images exceeds.

    It is None without defective or without good images. The threshold depends on the labels of the test images, so
    no product can use it.
    """
    if not bad.any() or bad.all():
        return None
    limit = np.quantile(scores[~bad], 1 - rate, method="higher")
    return float(np.mean(scores[bad] > limit))
