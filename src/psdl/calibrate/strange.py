"""Good items that are unlike all others: they do not set the threshold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from psdl.types import F64

__all__ = ["item_maxima", "strange"]

FAR = 4.0  # docs/calibration.md says what this and the next do
FEW, LEAST = 20, 10


def item_maxima(scores: F64, items: NDArray[np.int32]) -> F64:
    """(M,): each item's largest score by its number in items (N,), -inf for numbers that no picture has."""
    found = np.full(int(items.max()) + 1, -np.inf)
    np.maximum.at(found, items, scores)
    return found


def strange(scores: F64, items: NDArray[np.int32]) -> NDArray[np.bool_]:
    """(N,): whether a picture is of an item that scores far beyond the others: further above their median than FAR
    times as far as nine tenths of them lie. Of n items at most n / FEW are, or one; of fewer than LEAST none.

    One picture of another day, or of a defect that nobody saw, would else set the threshold, and defects that
    score below it would pass for ever.
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
