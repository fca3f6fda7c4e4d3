"""Distances on grids -> map at input size and image score: the one way to a score, for every interface."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from psdl._util.matmul import product
from psdl.types import F32, F64, Grid, Part, Recipe, Score

__all__ = ["added", "counted", "own_weights", "score", "smoothing", "spread"]

Mask = NDArray[np.bool_]
LEAST = 0.1  # of a pixel's weights that must lie on cells of the region of interest, to divide by


def score(distances: Mapping[str, F32], grids: Mapping[str, Grid], recipe: Recipe) -> Score:
    """Score of n images from each part's distances (n,P).

    The map is the weighted sum of the parts' grids brought to the input's size (bicubic, a = -0.75, half-pixel
    centres) and smoothed (Gaussian, see `smoothing`); the image score is the recipe's rule on
    the same sum with weights of its own, if there are any: what outlines a defect best need not show best whether
    there is one. Outside a region of interest the map is NaN, and nothing there has a share in either.
    """
    parts, roi = recipe.parts, grids[recipe.parts[0].name].roi
    brought = [_map(distances[part.name], grids[part.name], smoothing(part, recipe)) for part in parts]
    maps = _summed([part.weight for part in parts], brought)
    own = own_weights(recipe)
    scores = RULES[recipe.image_score](maps if own is None else _summed(own, brought), roi)
    if roi is not None:
        maps[:, ~roi] = np.nan
    return Score(maps, scores)


def added(
    distances: Mapping[str, F32], grids: Mapping[str, Grid], recipe: Recipe, x: int, y: int
) -> dict[str, float]:
    """What each part adds to the map at the input pixel (x,y), from distances (1,P)."""
    found = {}
    for part in recipe.parts:
        grid, sigma = grids[part.name], smoothing(part, recipe)
        row, column = spread(grid.h, grid.input[0], sigma)[y], spread(grid.w, grid.input[1], sigma)[x]
        value = float(row @ _laid(distances[part.name], grid)[0] @ column)
        if grid.roi is not None:
            value /= max(LEAST, float(row @ _laid(np.ones((1, grid.positions), np.float32), grid)[0] @ column))
        found[part.name] = part.weight * value
    return found


def own_weights(recipe: Recipe) -> list[float] | None:
    """The parts' weights in what the image score is taken of; None where it is the map itself."""
    own = [part.weight if part.image_weight is None else part.image_weight for part in recipe.parts]
    return None if own == [part.weight for part in recipe.parts] else own


def smoothing(part: Part, recipe: Recipe) -> float:
    """The Gaussian sigma of what a part adds to the map, in pixels of the input: its own, or the recipe's."""
    return recipe.smoothing if part.smoothing is None else part.smoothing


def _summed(weights: Sequence[float], brought: Sequence[F64]) -> F32:
    return np.asarray(sum(weight * one for weight, one in zip(weights, brought, strict=True)), np.float32)


def _map(distances: F32, grid: Grid, sigma: float) -> F64:
    found = _brought(_laid(distances, grid), grid, sigma)
    if grid.roi is not None:
        found /= np.maximum(counted(grid, sigma), LEAST)
    return found


def counted(grid: Grid, sigma: float) -> F64:
    """(H,W): how much of each pixel's weights lies on cells of the region of interest."""
    weighed: F64 = _brought(_laid(np.ones((1, grid.positions), np.float32), grid), grid, sigma)[0]
    return weighed


def _laid(distances: F32, grid: Grid) -> F64:
    """Distances (n,P) at their cells, (n,h,w); zero at cells outside the region of interest."""
    if grid.roi is None:
        return distances.reshape(-1, grid.h, grid.w).astype(np.float64)
    laid = np.zeros((len(distances), grid.h * grid.w))
    laid[:, grid.cells] = distances
    return laid.reshape(-1, grid.h, grid.w)


def _brought(values: F64, grid: Grid, sigma: float) -> F64:
    """Values (n,h,w) brought to the input's size (n,H,W) and smoothed."""
    rows = spread(grid.h, grid.input[0], sigma)
    columns = spread(grid.w, grid.input[1], sigma)
    return product(product(rows, values), columns.T)


def _maximum(maps: F32, roi: Mask | None) -> F64:
    highest: F64 = _flat(maps, roi).max(axis=1).astype(np.float64)
    return highest


def _top_percent(maps: F32, roi: Mask | None) -> F64:
    return _top(_flat(maps, roi), 100)


def _flat(maps: F32, roi: Mask | None) -> F32:
    """The values (n,...) of maps (n,H,W) inside the region of interest."""
    return maps.reshape(len(maps), -1) if roi is None else maps[:, roi]


def _top(flat: F32, share: int) -> F64:
    """The mean of the highest 1 / share of values (n,Q)."""
    count = max(1, flat.shape[1] // share)
    highest = np.partition(flat, -count, axis=1)[:, -count:]
    means: F64 = np.sort(highest, axis=1).mean(axis=1, dtype=np.float64)
    return means


def _smooth_top(maps: F32, roi: Mask | None) -> F64:
    """The mean of the highest two hundredths of the map once more smoothed, by 8 pixels, every fourth of which is
    enough then: a defect is more than a few pixels."""
    few = np.ascontiguousarray(maps[:, ::4, ::4])
    if roi is None:
        return _top(_flat(_softer(few), None), 50)
    roi = roi[::4, ::4]
    weighed = np.maximum(_softer(roi[None].astype(np.float32)), np.float32(LEAST))
    inside = _softer(np.where(roi, few, np.float32(0))) / weighed
    return _top(_flat(inside.astype(np.float32), roi), 50)


def _softer(few: F32) -> F32:
    rows, columns = (np.asarray(spread(side, side, 8 / 4), np.float32) for side in few.shape[1:])
    return product(product(rows, few), columns.T)


RULES: dict[str, Callable[[F32, Mask | None], F64]] = {
    "max": _maximum,
    "top-percent": _top_percent,
    "smooth-top": _smooth_top,
}


@lru_cache(maxsize=32)
def spread(source: int, target: int, sigma: float) -> F64:
    """(target, source): bicubic interpolation, then the Gaussian, as one matrix along an axis."""
    matrix = _gaussian(target, sigma) @ _bicubic(source, target)
    matrix.flags.writeable = False
    return matrix


def _bicubic(source: int, target: int, a: float = -0.75) -> F64:
    """(target, source) weights; outside, the border value repeats (Keys 1981; torch's and OpenCV's a)."""
    matrix = np.zeros((target, source))
    for i in range(target):
        centre = (i + 0.5) * source / target - 0.5
        for j in range(int(np.floor(centre)) - 1, int(np.floor(centre)) + 3):
            d = abs(centre - j)
            if d <= 1:
                weight = (a + 2) * d**3 - (a + 3) * d**2 + 1
            else:
                weight = a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
            matrix[i, min(max(j, 0), source - 1)] += weight
    return matrix


def _gaussian(size: int, sigma: float) -> F64:
    """(size, size) weights, cut at 4 sigma, mirrored at the border with the border pixel repeated."""
    if sigma <= 0:
        return np.eye(size)
    reach = int(4 * sigma + 0.5)
    offsets = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (offsets / sigma) ** 2)
    weights /= weights.sum()
    matrix = np.zeros((size, size))
    for i in range(size):
        mirrored = (i + offsets) % (2 * size)
        mirrored = np.where(mirrored < size, mirrored, 2 * size - 1 - mirrored)
        np.add.at(matrix[i], mirrored, weights)
    return matrix
