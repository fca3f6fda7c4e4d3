"""The counts of true and false positives at each threshold, from which the metrics are computed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Ranks:
    """The counts at each threshold; thresholds are the distinct scores of positives, descending.

    - `tp` and `fp` are the numbers of true and of false positives at score >= threshold, int64.
    - `fp_above` is the number of false positives at score > threshold, int64.
    - `places` has, for each positive score in the order given, the index of its threshold.
    - `positives` and `negatives` are the total numbers of both.
    """

    thresholds: NDArray[np.floating]
    tp: NDArray[np.int64]
    fp: NDArray[np.int64]
    fp_above: NDArray[np.int64]
    places: NDArray[np.intp]
    positives: int
    negatives: int


def ranks(scores: ArrayLike, labels: ArrayLike) -> Ranks | None:
    """Returns the ranks of scores with labels, arrays of one shape; labels are true for positives.

    The result is None unless there are both positives and negatives.
    """
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
