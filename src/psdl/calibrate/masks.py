"""Computes the defect mask of a map, its regions, and how rare its values are among good pixels."""

from __future__ import annotations

from dataclasses import replace
from math import ceil

import numpy as np
from numpy.typing import NDArray

from psdl.calibrate.thresholds import PIXEL_SHARES
from psdl.measure.components import label
from psdl.types import F32, Calibration, Region

__all__ = ["defect_mask", "enlarged", "pixel_threshold", "rarity", "regions", "spot"]

RARITY = -np.log10(PIXEL_SHARES)
FOOT, MOST = 0.6, 3.0  # docs/accuracy.md compares other values


def pixel_threshold(calibration: Calibration) -> float:
    """Returns the map value that the share `false_reject` of good pixels exceeds."""
    known = calibration.pixels
    return float(np.interp(-np.log10(calibration.rates.false_reject), RARITY[: len(known)], known))


def rarity(values: F32, calibration: Calibration) -> F32:
    """Returns -log10 of the share of good pixels that exceed each value of a map, float32.

    It is at most what the number of good pixels allows, and NaN where the map is not finite.
    """
    ascending = np.maximum.accumulate(calibration.pixels)
    with np.errstate(invalid="ignore"):
        found = np.interp(values, ascending, RARITY[: len(ascending)])
    return np.where(np.isfinite(values), found, np.nan).astype(np.float32)


def defect_mask(values: F32, calibration: Calibration) -> NDArray[np.bool_]:
    """Returns the defect mask (h,w) bool of a map (h,w): regions that pass the peak threshold somewhere.

    A region consists of the connected pixels about its peak that exceed FOOT times the peak, or the pixel
    threshold if that is higher; thus the outline of a strong defect does not follow the smooth foot of its peak. A
    weaker peak on such a foot has a region of its own. Pixels above MOST times the peak threshold always belong to
    the mask.
    """
    high = calibration.peak_threshold
    low = min(pixel_threshold(calibration), high)
    seeds, levels = _parts(values, high, (low, MOST * high))
    strong = (levels >= high) & np.isfinite(levels)
    found: NDArray[np.bool_] = strong[seeds] & (values > levels[seeds])
    rest = np.where(strong[seeds], -np.inf, values)  # where weaker regions may reach
    around, levels = _parts(rest, low, (low, high))
    weak, count = label(rest > levels[around])
    return found | (_peaks(rest, weak, count) > high)[weak]


def _parts(
    values: NDArray[np.floating], above: float, bounds: tuple[float, float]
) -> tuple[NDArray[np.int32], NDArray[np.floating]]:
    """Returns the connected parts (h,w) of a map above a value, numbered from 1, and the level that bounds each
    part.

    The level is FOOT times the part's largest value, within `bounds`. That of number 0, which is no part, is
    infinite.
    """
    labels, count = label(values > above)
    levels = np.clip(FOOT * _peaks(values, labels, count), *bounds)
    levels[0] = np.inf
    return labels, levels


def _peaks(values: NDArray[np.floating], labels: NDArray[np.int32], count: int) -> NDArray[np.floating]:
    """Returns the largest value of each numbered part, (count + 1,); that of number 0 is -inf."""
    peaks = np.full(count + 1, -np.inf)
    inside = labels > 0
    np.maximum.at(peaks, labels[inside], values[inside])
    return peaks


def spot(values: F32) -> NDArray[np.bool_]:
    """Returns the most anomalous place of a map (h,w) as a mask (h,w) bool.

    It is the connected part about the maximum that lies above the middle between the map's median and its maximum.
    """
    known = values[np.isfinite(values)]
    high, middle = float(known.max()), float(np.median(known))
    labels, _ = label(np.nan_to_num(values, nan=middle) > (high + middle) / 2)
    y, x = np.unravel_index(int(np.nanargmax(values)), values.shape)
    found: NDArray[np.bool_] = labels == (labels[y, x] or 1)
    found[y, x] = True
    return found


def regions(values: F32, mask: NDArray[np.bool_]) -> tuple[Region, ...]:
    """Returns the 8-connected regions of a mask (h,w) on a map (h,w), the highest peak first."""
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


def enlarged(found: tuple[Region, ...], size: tuple[int, int], target: tuple[int, int]) -> tuple[Region, ...]:
    """Returns regions of an image of `size` (h,w) converted to the same image at the size `target` (h,w)."""
    if size == target:
        return found
    tall, wide = target[0] / size[0], target[1] / size[1]
    return tuple(_enlarged(region, wide, tall, target) for region in found)


def _enlarged(region: Region, wide: float, tall: float, target: tuple[int, int]) -> Region:
    """Returns a region converted by the factors `wide` and `tall`."""
    left, top, right, bottom = region.box
    x, y = (region.peak_at[0] + 0.5) * wide, (region.peak_at[1] + 0.5) * tall
    return replace(
        region,
        area=round(region.area * wide * tall),
        box=(
            int(left * wide),
            int(top * tall),
            min(target[1], ceil(right * wide)),
            min(target[0], ceil(bottom * tall)),
        ),
        peak_at=(min(target[1] - 1, int(x)), min(target[0] - 1, int(y))),
        centroid=((region.centroid[0] + 0.5) * wide - 0.5, (region.centroid[1] + 0.5) * tall - 0.5),
    )
