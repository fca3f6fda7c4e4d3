"""All metrics of one category, and their means over categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from psdl.measure.aupimo import aupimo
from psdl.measure.aupro import aupro, region_weights
from psdl.measure.auroc import auroc
from psdl.measure.average_precision import average_precision
from psdl.measure.f1max import f1max, oracle_threshold
from psdl.measure.ranks import ranks
from psdl.types import F32, F64

Metrics = dict[str, float | None]
MORE = ("aupro_05", "aupimo")  # in metrics.json, but not in tables
KEYS = ("image_auroc", "image_ap", "image_f1_max", "pixel_auroc", "pixel_ap", "pixel_f1_max", "aupro")


def metrics(scores: F64, labels: NDArray[np.bool_], maps: F32, masks: NDArray[np.bool_]) -> Metrics:
    """Returns the metrics of one category by name; a metric that needs both kinds of images or pixels and finds
    one is None.

    `scores` and `labels` (N,) are the image scores and whether each image is defective. `maps` and `masks` (M,H,W)
    belong to the images whose mask is known. Pixels whose map is NaN, outside a region of interest, do not count.
    The key `oracle_pixel_threshold` is missing if the pixel metrics are None.
    """
    out: Metrics = dict.fromkeys((*KEYS, *MORE))
    found = ranks(scores, labels)
    if found:
        out |= {
            "image_auroc": auroc(found),
            "image_ap": average_precision(found),
            "image_f1_max": f1max(found),
        }
    if not len(maps):
        return out
    marked = masks.any(axis=(1, 2))
    out["aupimo"] = aupimo(maps[~marked], maps[marked], masks[marked])
    inside = np.isfinite(maps)
    if not inside.all():
        masks = masks & inside
        maps, known = maps[inside], masks[inside]
    else:
        known = masks
    found = ranks(maps, known)
    if found:
        out |= {
            "pixel_auroc": auroc(found),
            "pixel_ap": average_precision(found),
            "pixel_f1_max": f1max(found),
        }
        regions = region_weights(masks)
        out |= {"aupro": aupro(found, regions), "aupro_05": aupro(found, regions, 0.05)}
        out["oracle_pixel_threshold"] = oracle_threshold(found)
    return out


def mean(categories: Sequence[Mapping[str, float | None]]) -> Metrics:
    """Returns the mean of each metric over the categories that have it; None if none has."""
    out: Metrics = {}
    for key in (*KEYS, *MORE):
        values = [v for c in categories if (v := c.get(key)) is not None]
        out[key] = float(np.mean(values)) if values else None
    return out
