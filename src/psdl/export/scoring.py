"""Adds to a graph: distances of all branches -> map, image score, p-value and verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from psdl.calibrate.thresholds import weights
from psdl.errors import PsdlError
from psdl.export.graph import Graph
from psdl.scoring import anomaly_map
from psdl.types import F32, Calibration, Grid, Recipe

DOUBLE = 11


def mapped(g: Graph, distances: Mapping[str, str], grids: Mapping[str, Grid], recipe: Recipe) -> tuple[str, str]:
    """Returns the map (H,W) float32 and the map from which the image score is computed, like `anomaly_map.score`.

    Both are unmasked: outside a region of interest they still have values.
    """
    brought = [
        _brought(g, distances[part.name], grids[part.name], anomaly_map.smoothing(part, recipe))
        for part in recipe.parts
    ]
    whole = _summed(g, [part.weight for part in recipe.parts], brought)
    own = anomaly_map.own_weights(recipe)
    return whole, whole if own is None else _summed(g, own, brought)


def _brought(g: Graph, distances: str, grid: Grid, sigma: float) -> str:
    """Returns a branch's distances (P,) interpolated to the input's size and smoothed, float64."""
    values = g.op("Cast", distances, to=DOUBLE)
    if grid.roi is not None:
        values = g.op("Gather", g.op("Concat", values, np.zeros(1), axis=0), places(grid))
    laid = g.op("Reshape", values, np.array([grid.h, grid.w]))
    rows, columns = (
        anomaly_map.spread(n, size, sigma) for n, size in zip((grid.h, grid.w), grid.input, strict=True)
    )
    brought = g.op("MatMul", g.op("MatMul", rows, laid), np.ascontiguousarray(columns.T))
    if grid.roi is None:
        return brought
    return g.op("Div", brought, np.maximum(anomaly_map.counted(grid, sigma), anomaly_map.LEAST))


def _summed(g: Graph, weights: Sequence[float], brought: Sequence[str]) -> str:
    """Returns the weighted sum, float32."""
    total = ""
    for weight, one in zip(weights, brought, strict=True):
        share = g.op("Mul", one, np.asarray(weight, np.float64))
        total = g.op("Add", total, share) if total else share
    return g.op("Cast", total, to=1)


def places(grid: Grid) -> np.ndarray:
    """Returns the index of each cell's distance, (h*w,); cells outside the region of interest get the index P."""
    places = np.full(grid.h * grid.w, grid.positions)
    places[grid.cells] = np.arange(grid.positions)
    return places


def image_score(g: Graph, maps: str, rule: str, size: tuple[int, int], roi: np.ndarray | None) -> str:
    """Returns the image score, a float64, of a map (H,W).

    `rule` names the rule of the recipe, `size` is (H,W). Raises PsdlError if the rule cannot be exported.
    """
    if rule == "max":
        return g.op("Cast", g.op("ReduceMax", _flat(g, maps, roi), keepdims=0), to=DOUBLE)
    if rule == "top-percent":
        return _top(g, _flat(g, maps, roi), size[0] * size[1] if roi is None else int(roi.sum()), 100)
    if rule != "smooth-top":
        raise PsdlError(f"the image score {rule} cannot be exported: learn with recipe default or fast")
    few = g.op("Slice", maps, np.array([0, 0]), np.array(size), np.array([0, 1]), np.array([4, 4]))
    tall, wide = -(-size[0] // 4), -(-size[1] // 4)
    rows, columns = (np.asarray(anomaly_map.spread(n, n, 8 / 4), np.float32) for n in (tall, wide))
    small = None if roi is None else roi[::4, ::4]
    if small is not None:
        few = g.op("Where", small, few, 0.0)
    softer = g.op("MatMul", g.op("MatMul", rows, few), np.ascontiguousarray(columns.T))
    if small is not None:
        counted: F32 = rows @ small.astype(np.float32) @ columns.T
        softer = g.op("Div", softer, np.maximum(counted, np.float32(anomaly_map.LEAST)))
    return _top(g, _flat(g, softer, small), tall * wide if small is None else int(small.sum()), 50)


def _flat(g: Graph, maps: str, roi: np.ndarray | None) -> str:
    """Returns the values (Q,) of a map inside the region of interest."""
    flat = g.op("Reshape", maps, np.array([-1]))
    return flat if roi is None else g.op("Gather", flat, np.flatnonzero(roi))


def _top(g: Graph, flat: str, count: int, share: int) -> str:
    """Returns the mean of the highest 1 / share of `count` values."""
    highest = g.op("Cast", g.highest(flat, max(1, count // share)), to=DOUBLE)
    return g.op("ReduceMean", highest, axes=[0], keepdims=0)


def judged(g: Graph, value: str, calibration: Calibration) -> tuple[str, str]:
    """Returns the p-value (float64) and the verdict (int64: 0 OK, 1 REVIEW, 2 NG) of an image score."""
    shares = weights(calibration.items)
    above = g.op("Where", g.op("GreaterOrEqual", calibration.scores, value), shares, np.float64(0))
    total = g.op("Add", g.op("ReduceSum", above, keepdims=0), np.float64(1))
    p_value = g.op("Div", total, np.float64(calibration.groups + 1))
    rejected = g.op("Not", g.op("LessOrEqual", value, np.float64(calibration.threshold)))
    review = calibration.review_threshold
    doubted = np.float64(calibration.threshold if review is None else review)
    verdict = g.op(
        "Add", g.op("Cast", rejected, to=7), g.op("Cast", g.op("Not", g.op("LessOrEqual", value, doubted)), to=7)
    )
    return p_value, verdict
