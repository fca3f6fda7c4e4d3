"""AUPIMO: the area under the per-image overlap curve at very low false-positive rates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from psdl.types import F32

LOWEST, HIGHEST = 1e-5, 1e-4  # false-positive rates between which the overlap is averaged
RATES = 300


def aupimo(good: F32, maps: F32, masks: NDArray[np.bool_]) -> float | None:
    """Returns the AUPIMO in 0..1, or None if there are no good or no defective images.

    For each defective image, the recall of its mask is averaged over the logarithm of the false-positive rate of
    pixels on good images, from LOWEST to HIGHEST. The result is the mean over these images. `good` (N,H,W) are the
    maps of good images; `maps` and `masks` (M,H,W) are those of defective ones. NaN pixels do not count.

    Source: Bertoldo et al., "AUPIMO: redefining visual anomaly detection benchmarks with high speed and low
    tolerance", BMVC 2024. Here the threshold at each rate is taken from all good pixels together.
    """
    known = good[np.isfinite(good)]
    inside = [(values[mask & np.isfinite(values)]) for values, mask in zip(maps, masks, strict=True)]
    inside = [values for values in inside if len(values)]
    if not len(known) or not inside:
        return None
    rates = np.geomspace(LOWEST, HIGHEST, RATES)
    ranks = np.minimum(np.floor(rates * len(known)).astype(int), len(known) - 1)
    most = np.sort(np.partition(known, len(known) - 1 - ranks[-1])[len(known) - 1 - ranks[-1] :])[::-1]
    thresholds = most[ranks]
    found = [(len(v) - np.searchsorted(np.sort(v), thresholds, side="right")) / len(v) for v in inside]
    return float(np.mean([np.trapezoid(one, np.log(rates)) / np.log(HIGHEST / LOWEST) for one in found]))
