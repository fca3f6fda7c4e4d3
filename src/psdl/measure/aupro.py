"""AU-PRO: the area under the per-region overlap curve."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from psdl.measure.components import label
from psdl.measure.ranks import Ranks
from psdl.types import F64


def aupro(ranks: Ranks, weights: F64, limit: float = 0.3) -> float:
    """Returns the area under the per-region overlap curve up to the false-positive rate `limit`, divided by it, in
    0..1.

    `ranks` are the ranks of all pixels, and `weights` has one weight for each positive pixel, from
    `region_weights`. The curve runs through the points of all distinct scores, with straight lines between them.
    The pixels of a region share its weight, so the area is a sum over positive pixels: each adds its weight times
    what is left of the limit at its false-positive rate.

    Source: Bergmann et al., "The MVTec Anomaly Detection Dataset", IJCV 2021.
    """
    rise = np.bincount(ranks.places, weights, len(ranks.thresholds))
    start, end = ranks.fp_above / ranks.negatives, ranks.fp / ranks.negatives
    return float(rise @ _area(start, end, limit) / limit)


def _area(start: F64, end: F64, limit: float) -> F64:
    """Returns the area up to `limit` below a line that rises by 1 from rate `start` to `end` and is then
    constant."""
    whole = limit - (start + end) / 2
    cut = np.maximum(limit - start, 0) ** 2 / (2 * np.maximum(end - start, 1e-300))
    return np.where(end <= limit, whole, np.where(start < limit, cut, 0.0))


def region_weights(masks: NDArray[np.bool_]) -> F64:
    """Returns the weights of the true pixels of masks (n,h,w), in row-major order; they sum to 1.

    All 8-connected regions weigh the same, and so do the pixels of one region.
    """
    parts, regions = [], 0
    for mask in masks:
        labels, count = label(mask)
        sizes = np.bincount(labels.ravel(), minlength=count + 1)
        parts.append(1 / sizes[labels[mask]])
        regions += count
    return np.concatenate([np.asarray(p, np.float64) for p in parts]) / max(1, regions)
