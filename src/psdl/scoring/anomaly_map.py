"""Combines the distances of all branches into an anomaly map at input size and an image score.

Every interface computes scores by this module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from psdl._util.matmul import product
from psdl.types import F32, F64, Grid, Part, Recipe, Score

__all__ = ["added", "counted", "own_weights", "score", "smoothing", "spread"]

Mask = NDArray[np.bool_]
LEAST = 0.1  # least divisor: the share of a pixel's weights on cells of the region of interest


def score(distances: Mapping[str, F32], grids: Mapping[str, Grid], recipe: Recipe) -> Score:
    """Returns the anomaly maps (n,H,W) float32 and the image scores (n,) float64 of n images.

    `distances` has the distances (n,P) float32 of each branch, and `grids` their grids. The map is the weighted
    sum of the branches' grids after bicubic interpolation to the input's size (a = -0.75, half-pixel centres) and
    Gaussian smoothing. The image score applies the recipe's rule to the same sum, with the branches' image weights
    if they have any, because the weights that outline defects best need not be those that detect them best.
    Outside a region of interest the map is NaN, and distances there have no influence.
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
    """Returns what each branch adds to the map at the input pixel (x,y), by its name.

    `distances` has the distances (1,P) of each branch.
    """
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
    """Returns the weights of the branches for the image score, or None if they equal those of the map."""
    own = [part.weight if part.image_weight is None else part.image_weight for part in recipe.parts]
    return None if own == [part.weight for part in recipe.parts] else own


def smoothing(part: Part, recipe: Recipe) -> float:
    """Returns the Gaussian sigma of a branch in input pixels: its own, or that of the recipe."""
    return recipe.smoothing if part.smoothing is None else part.smoothing


def _summed(weights: Sequence[float], brought: Sequence[F64]) -> F32:
    """Returns the weighted sum (n,H,W) float32 of the branches' maps."""
    return np.asarray(sum(weight * one for weight, one in zip(weights, brought, strict=True)), np.float32)


def _map(distances: F32, grid: Grid, sigma: float) -> F64:
    """Returns the map (n,H,W) float64 of one branch, divided by `counted` if there is a region of interest."""
    found = _brought(_laid(distances, grid), grid, sigma)
    if grid.roi is not None:
        found /= np.maximum(counted(grid, sigma), LEAST)
    return found


def counted(grid: Grid, sigma: float) -> F64:
    """Returns, for each pixel (H,W), the sum of its interpolation weights on cells of the region of interest."""
    weighed: F64 = _brought(_laid(np.ones((1, grid.positions), np.float32), grid), grid, sigma)[0]
    return weighed


def _laid(distances: F32, grid: Grid) -> F64:
    """Returns distances (n,P) at their cells, (n,h,w) float64; cells outside the region of interest are zero."""
    if grid.roi is None:
        return distances.reshape(-1, grid.h, grid.w).astype(np.float64)
    laid = np.zeros((len(distances), grid.h * grid.w))
    laid[:, grid.cells] = distances
    return laid.reshape(-1, grid.h, grid.w)


def _brought(values: F64, grid: Grid, sigma: float) -> F64:
    """Returns values (n,h,w) interpolated to the input's size (n,H,W) and smoothed."""
    rows = spread(grid.h, grid.input[0], sigma)
    columns = spread(grid.w, grid.input[1], sigma)
    return product(product(rows, values), columns.T)


def _maximum(maps: F32, roi: Mask | None) -> F64:
    """Returns the maximum of each map."""
    highest: F64 = _flat(maps, roi).max(axis=1).astype(np.float64)
    return highest


def _top_percent(maps: F32, roi: Mask | None) -> F64:
    """Returns the mean of the highest percent of each map's values."""
    return _top(_flat(maps, roi), 100)


def _flat(maps: F32, roi: Mask | None) -> F32:
    """Returns the values (n,Q) of maps (n,H,W) inside the region of interest."""
    return maps.reshape(len(maps), -1) if roi is None else maps[:, roi]


def _top(flat: F32, share: int) -> F64:
    """Returns the mean of the highest 1 / share of values (n,Q), at least one of them."""
    count = max(1, flat.shape[1] // share)
    highest = np.partition(flat, -count, axis=1)[:, -count:]
    means: F64 = np.sort(highest, axis=1).mean(axis=1, dtype=np.float64)
    return means


def _smooth_top(maps: F32, roi: Mask | None) -> F64:
    """Returns the mean of the highest 2 % of each map after further smoothing with a sigma of 8 pixels.

    The map is sampled at every fourth pixel of every fourth row before. The smoothing favours defects of more than
    a few pixels.
    """
    few = np.ascontiguousarray(maps[:, ::4, ::4])
    if roi is None:
        return _top(_flat(_softer(few), None), 50)
    roi = roi[::4, ::4]
    weighed = np.maximum(_softer(roi[None].astype(np.float32)), np.float32(LEAST))
    inside = _softer(np.where(roi, few, np.float32(0))) / weighed
    return _top(_flat(inside.astype(np.float32), roi), 50)


def _softer(few: F32) -> F32:
    """Returns maps sampled at every fourth pixel, smoothed with a sigma of 8 input pixels."""
    rows, columns = (np.asarray(spread(side, side, 8 / 4), np.float32) for side in few.shape[1:])
    return product(product(rows, few), columns.T)


RULES: dict[str, Callable[[F32, Mask | None], F64]] = {
    "max": _maximum,
    "top-percent": _top_percent,
    "smooth-top": _smooth_top,
}


@lru_cache(maxsize=32)
def spread(source: int, target: int, sigma: float) -> F64:
    """Returns the matrix (target, source) float64 that interpolates bicubically and then smooths along an axis.

    `source` and `target` are numbers of cells and pixels; `sigma` is in pixels. The matrix is cached and
    read-only.
    """
    matrix = _gaussian(target, sigma) @ _bicubic(source, target)
    matrix.flags.writeable = False
    return matrix


def _bicubic(source: int, target: int, a: float = -0.75) -> F64:
    """Returns bicubic weights (target, source) with half-pixel centres; the border value is repeated outside.

    Source: Keys, "Cubic convolution interpolation for digital image processing", 1981, with the `a` of torch and
    OpenCV.
    """
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
    """Returns Gaussian weights (size, size), truncated at 4 sigma and mirrored at the border, border pixel
    included."""
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
