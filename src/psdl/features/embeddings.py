"""Activation maps -> signals (n,P,F) on a grid: pool, align, cut."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from psdl._util.matmul import product
from psdl.types import F32, Grid, Maps, Part, Signals

__all__ = ["assemble", "averages", "bilinear", "length", "neighbours"]


def assemble(maps: Maps, part: Part, size: tuple[int, int], roi: NDArray[np.bool_] | None = None) -> Signals:
    """The signals of a part, for inputs of `size` (H,W); `maps` are in the order of depth. With a region of
    interest roi (H,W) only of the cells that it touches.

    Channels come deepest tap first. Finer maps are average-pooled onto the part's grid (where grids do not divide
    adaptively, as torch's adaptive_avg_pool2d does); coarser ones are interpolated bilinearly.
    With `part.square` one tap keeps its first d * d channels, d = floor(sqrt(C)), and of several the surplus is
    cut from the shallowest one's end (METHOD, step 3).
    """
    taps = [tap for tap in maps if tap in part.taps]
    ends = {"deepest": taps[-1], "shallowest": taps[0]}
    h, w = maps[ends.get(part.grid, part.grid)].shape[2:]
    aligned = [_aligned(_pooled(maps[tap], part.pool), h, w) for tap in reversed(taps)]
    stacked = np.concatenate(aligned, axis=1)
    kept = length(stacked.shape[1]) if part.square else stacked.shape[1]
    n = len(stacked)
    grid = Grid(h, w, size, roi)
    values = stacked[:, :kept].reshape(n, kept, h * w)
    values = (values if roi is None else values[:, :, grid.cells]).transpose(0, 2, 1)
    return Signals(np.ascontiguousarray(values, dtype=np.float32), grid)


def length(channels: int) -> int:
    """F for a number of channels: the largest square not above it."""
    return math.isqrt(channels) ** 2


def _pooled(maps: F32, side: int) -> F32:
    if side == 1:
        return maps
    return _apply(neighbours(maps.shape[2], side), maps, neighbours(maps.shape[3], side))


def _aligned(maps: F32, h: int, w: int) -> F32:
    if maps.shape[2:] == (h, w):
        return maps
    matrix = averages if maps.shape[2] >= h else bilinear
    return _apply(matrix(maps.shape[2], h), maps, matrix(maps.shape[3], w))


def _apply(rows: F32, maps: F32, columns: F32) -> F32:
    return product(product(rows, maps), columns.T)


@lru_cache(maxsize=32)
def neighbours(size: int, side: int) -> F32:
    """(size, size): row i averages `side` neighbours about i; what lies outside counts as zero."""
    offsets = np.abs(np.subtract.outer(np.arange(size), np.arange(size)))
    return np.asarray((offsets <= side // 2) / side, np.float32)


@lru_cache(maxsize=32)
def averages(source: int, target: int) -> F32:
    """(target, source): row i averages source positions floor(i s/t) up to ceil((i+1) s/t)."""
    matrix = np.zeros((target, source), np.float32)
    for i in range(target):
        first, last = i * source // target, -(-(i + 1) * source // target)
        matrix[i, first:last] = 1 / (last - first)
    return matrix


@lru_cache(maxsize=32)
def bilinear(source: int, target: int) -> F32:
    """(target, source) weights with half-pixel centres; outside, the border value repeats."""
    centres = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)
    return np.asarray(np.maximum(0, 1 - np.abs(np.subtract.outer(centres, np.arange(source)))), np.float32)
