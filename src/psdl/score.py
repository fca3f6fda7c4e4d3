"""Distances on grids -> map at input size and image score: the one way to a score, for every door."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np

from psdl.types import F32, F64, Grid, Part, Recipe, Score


def score(distances: Mapping[str, F32], grids: Mapping[str, Grid], recipe: Recipe) -> Score:
    """Score of n images from each part's distances (n,P).

    The map is the weighted sum of the parts' grids brought to the input's size (bicubic, a = -0.75, half-pixel
    centres) and smoothed (Gaussian of `recipe.smoothing` input pixels); the image score is the recipe's rule.
    """
    total = sum(_map(part, distances[part.name], grids[part.name], recipe.smoothing) for part in recipe.parts)
    maps = np.asarray(total, np.float32)
    return Score(maps, RULES[recipe.image_score](maps))


def added(
    distances: Mapping[str, F32], grids: Mapping[str, Grid], recipe: Recipe, x: int, y: int
) -> dict[str, float]:
    """What each part adds to the map at the input pixel (x,y), from distances (1,P)."""
    found = {}
    for part in recipe.parts:
        grid, sigma = grids[part.name], recipe.smoothing
        row, column = _spread(grid.h, grid.input[0], sigma)[y], _spread(grid.w, grid.input[1], sigma)[x]
        found[part.name] = part.weight * float(row @ distances[part.name].reshape(grid.h, grid.w) @ column)
    return found


def _map(part: Part, distances: F32, grid: Grid, smoothing: float) -> F64:
    rows = _spread(grid.h, grid.input[0], smoothing)
    columns = _spread(grid.w, grid.input[1], smoothing)
    values = distances.reshape(-1, grid.h, grid.w).astype(np.float64)
    # Broadcast products of a few rows each: BLAS then starts no threads, which would go on spinning.
    tall = np.matmul(rows, values)
    blocks = tall.reshape(len(tall), -1, math.gcd(tall.shape[1], 8), grid.w)
    spread: F64 = part.weight * np.matmul(blocks, columns.T).reshape(len(tall), *grid.input)
    return spread


def _maximum(maps: F32) -> F64:
    highest: F64 = maps.max(axis=(1, 2)).astype(np.float64)
    return highest


def _top_percent(maps: F32) -> F64:
    return _top(maps, 100)


def _top(maps: F32, share: int) -> F64:
    """The mean of the highest 1 / share of each map."""
    count = max(1, maps[0].size // share)
    flat = np.partition(maps.reshape(len(maps), -1), -count, axis=1)[:, -count:]
    means: F64 = np.sort(flat, axis=1).mean(axis=1, dtype=np.float64)
    return means


def _smooth_top(maps: F32) -> F64:
    """The mean of the highest two hundredths of the map once more smoothed, by 8 pixels, every fourth of which is
    enough then: a defect is more than a few pixels."""
    few = np.ascontiguousarray(maps[:, ::4, ::4])
    rows, columns = (np.asarray(_spread(side, side, 8 / 4), np.float32) for side in few.shape[1:])
    return _top(np.matmul(np.matmul(rows, few), columns.T), 50)


RULES: dict[str, Callable[[F32], F64]] = {
    "max": _maximum,
    "top-percent": _top_percent,
    "smooth-top": _smooth_top,
}


@lru_cache(maxsize=32)
def _spread(source: int, target: int, sigma: float) -> F64:
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
