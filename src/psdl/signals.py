"""Activation maps -> signals (n,P,F) on a grid: cut, pool, align."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from psdl.types import F32, Grid, Maps, Signals


def assemble(maps: Maps, taps: tuple[str, ...], size: tuple[int, int]) -> Signals:
    """Signals of the chosen taps, given in the order of depth, for inputs of `size` (H,W).

    One tap: its first d * d channels, d = floor(sqrt(C)). Several: all average-pooled onto the last tap's grid,
    channels in the order deepest first, the surplus over a square cut from the end (METHOD, step 3: the DCT
    start needs a square). Grids that do not divide are pooled adaptively, as torch's adaptive_avg_pool2d does.
    """
    deepest = maps[taps[-1]]
    h, w = deepest.shape[2:]
    stacked = np.concatenate([_pooled(maps[tap], h, w) for tap in reversed(taps)], axis=1)
    kept = length(stacked.shape[1])
    n = len(stacked)
    values = stacked[:, :kept].reshape(n, kept, h * w).transpose(0, 2, 1)
    return Signals(np.ascontiguousarray(values, dtype=np.float32), Grid(h, w, size))


def length(channels: int) -> int:
    """F for a number of channels: the largest square not above it."""
    return math.isqrt(channels) ** 2


def _pooled(maps: F32, h: int, w: int) -> F32:
    if maps.shape[2:] == (h, w):
        return maps
    rows, columns = _averages(maps.shape[2], h), _averages(maps.shape[3], w)
    pooled: F32 = np.matmul(np.matmul(rows, maps), columns.T)
    return pooled


@lru_cache(maxsize=32)
def _averages(source: int, target: int) -> F32:
    """(target, source): row i averages source positions floor(i s/t) up to ceil((i+1) s/t)."""
    matrix = np.zeros((target, source), np.float32)
    for i in range(target):
        first, last = i * source // target, -(-(i + 1) * source // target)
        matrix[i, first:last] = 1 / (last - first)
    return matrix
