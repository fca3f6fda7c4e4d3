"""Verdicts of labelled images -> the shares of defects found and of good images rejected, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from psdl._util.binomial import interval
from psdl.types import F64

DRAWS = 2000
EXACT, RESAMPLED = "Clopper-Pearson", "bootstrap over items"
KINDS = ("found_ng", "found_review", "false_ng", "false_review")  # of `found`
Share = dict[str, Any]


def found(verdicts: Sequence[str], labels: NDArray[np.bool_], items: Sequence[object]) -> dict[str, Share | None]:
    """Of defects (labels true) those that are NG, and NG or REVIEW; of good images the same: see `share`; None
    where there are none. items: what each of the images shows."""
    rejected = np.array([verdict == "NG" for verdict in verdicts], bool)
    doubted = np.array([verdict != "OK" for verdict in verdicts], bool)
    shows = np.unique([str(item) for item in items], return_inverse=True)[1]
    pairs = ((labels, rejected), (labels, doubted), (~labels, rejected), (~labels, doubted))
    return {
        name: share(hits[inside], shows[inside]) if inside.any() else None
        for name, (inside, hits) in zip(KINDS, pairs, strict=True)
    }


def share(hits: NDArray[np.bool_], items: NDArray[np.intp]) -> Share:
    """share of hits (n,), with low and high, its 95 % interval; count of images, and of items that they show.

    how: "Clopper-Pearson" where each image shows another item (Clopper, Pearson 1934), else "bootstrap over
    items": items are drawn with repetition, and the quantiles of the shares taken (Davison, Hinkley 1997). Where
    all images are hits, or none is, nothing varies: then each item counts as one trial.
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
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(shown, np.full(shown, 1 / shown), size=DRAWS)
    sizes = np.bincount(items, minlength=shown)
    shares: F64 = (drawn @ np.bincount(items, hits, minlength=shown)) / (drawn @ sizes)
    low, high = np.quantile(shares, [0.025, 0.975])
    return float(low), float(high)


def means(categories: Sequence[Mapping[str, Any]]) -> dict[str, Share | None]:
    """The mean shares of categories that have them; without an interval."""
    out: dict[str, Share | None] = {}
    for name in KINDS:
        shares = [one[name]["share"] for one in categories if one.get(name)]
        out[name] = {"share": float(np.mean(shares))} if shares else None
    return out


def above(scores: F64, bad: NDArray[np.bool_], threshold: float) -> tuple[float | None, float | None]:
    """The shares of defective and of good images whose score lies above a threshold."""
    over = scores > threshold
    return tuple(float(over[kind].mean()) if kind.any() else None for kind in (bad, ~bad))  # type: ignore[return-value]


def oracle(scores: F64, bad: NDArray[np.bool_], rate: float) -> float | None:
    """The share of defects above the score that at most the share `rate` of the good test images exceeds: a
    threshold that looks at the test, which no product can know."""
    if not bad.any() or bad.all():
        return None
    limit = np.quantile(scores[~bad], 1 - rate, method="higher")
    return float(np.mean(scores[bad] > limit))
