"""Two sorted sets of scores and the counts that every metric here is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Ranks:
    """Distinct positive scores, descending, as thresholds; at each (score >= threshold): true positives tp,
    false positives fp; and above (score > threshold): false positives fp_above. Counts are exact int64.
    places: for each positive score given, the index of its threshold."""

    thresholds: NDArray[np.floating]
    tp: NDArray[np.int64]
    fp: NDArray[np.int64]
    fp_above: NDArray[np.int64]
    places: NDArray[np.intp]
    positives: int
    negatives: int


def ranks(scores: ArrayLike, labels: ArrayLike) -> Ranks | None:
    """Ranks of scores (N,) with labels (N,), true where positive; None unless both kinds are there."""
    values, positive = np.asarray(scores).ravel(), np.asarray(labels).ravel().astype(bool)
    above, below = values[positive], np.sort(values[~positive])
    if len(above) == 0 or len(below) == 0:
        return None
    distinct, places, counts = np.unique(above, return_inverse=True, return_counts=True)
    fp = len(below) - np.searchsorted(below, distinct, side="left")
    fp_above = len(below) - np.searchsorted(below, distinct, side="right")
    return Ranks(
        thresholds=distinct[::-1],
        tp=np.cumsum(counts[::-1]).astype(np.int64),
        fp=fp[::-1].astype(np.int64),
        fp_above=fp_above[::-1].astype(np.int64),
        places=len(distinct) - 1 - places.ravel(),
        positives=len(above),
        negatives=len(below),
    )
