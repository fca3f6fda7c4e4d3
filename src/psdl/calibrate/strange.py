"""Finds good items that are unlike all others and therefore do not set the threshold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from psdl.types import F64

__all__ = ["item_maxima", "strange"]

FAR = 4.0  # docs/calibration.md explains this and the next two
FEW, LEAST = 20, 10


def item_maxima(scores: F64, items: NDArray[np.int32]) -> F64:
    """Returns the largest score of each item, (M,), by its number in items (N,); -inf for numbers without an
    image."""
    found = np.full(int(items.max()) + 1, -np.inf)
    np.maximum.at(found, items, scores)
    return found


def strange(scores: F64, items: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Returns, for each image (N,), whether it shows an item that scores far beyond all others.

    Such an item exceeds the items' median by more than FAR times as much as their 90 % quantile does. Of n items
    at most n / FEW are outliers, or one if that is less; of fewer than LEAST items none is. One image of another
    day, or of an unnoticed defect, would otherwise set the threshold, and defects that score below it would always
    pass.
    """
    found = item_maxima(scores, items)
    ascending = np.sort(found[np.isfinite(found)])
    count, middle = len(ascending), float(np.median(ascending))
    reach = FAR * (float(np.quantile(ascending, 0.9)) - middle)
    if count < LEAST or not reach > 0:
        return np.zeros(len(scores), bool)
    limit = max(middle + reach, float(ascending[-1 - max(1, count // FEW)]))
    beyond: NDArray[np.bool_] = (found > limit)[items]
    return beyond
