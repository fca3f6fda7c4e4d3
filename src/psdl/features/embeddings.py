"""Assembles activation maps into patch embeddings, the signals (n,P,F), by pooling, aligning and stacking."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from psdl._util.matmul import product
from psdl.types import F32, Grid, Maps, Part, Signals

__all__ = ["assemble", "averages", "bilinear", "length", "neighbours"]


def assemble(maps: Maps, part: Part, size: tuple[int, int], roi: NDArray[np.bool_] | None = None) -> Signals:
    """Returns the signals (n,P,F) float32 of one branch of the recipe.

    `maps` {tap: (n,C,h,w)} are in the order of depth; `size` (H,W) is the size of the network's input in pixels.
    With a region of interest `roi` (H,W) bool, P counts only the grid cells that it touches.

    Channels are stacked with the deepest tap first. Finer maps are average-pooled onto the branch's grid, with the
    windows of torch's adaptive_avg_pool2d. Coarser maps are interpolated bilinearly. With `part.square`, F is the
    largest square that does not exceed the number of channels C, because the paper's DCT dictionary needs one; the
    surplus channels are cut from the end, that is from the shallowest tap.
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
    """Returns the largest square number that does not exceed a number of channels."""
    return math.isqrt(channels) ** 2


def _pooled(maps: F32, side: int) -> F32:
    """Averages each cell of maps (n,C,h,w) over side x side neighbours."""
    if side == 1:
        return maps
    return _apply(neighbours(maps.shape[2], side), maps, neighbours(maps.shape[3], side))


def _aligned(maps: F32, h: int, w: int) -> F32:
    """Resamples maps (n,C,*,*) to h x w cells."""
    if maps.shape[2:] == (h, w):
        return maps
    matrix = averages if maps.shape[2] >= h else bilinear
    return _apply(matrix(maps.shape[2], h), maps, matrix(maps.shape[3], w))


def _apply(rows: F32, maps: F32, columns: F32) -> F32:
    """Applies one matrix along the rows and one along the columns of maps."""
    return product(product(rows, maps), columns.T)


@lru_cache(maxsize=32)
def neighbours(size: int, side: int) -> F32:
    """Returns the matrix (size, size) float32 that averages each cell over `side` neighbours along an axis.

    `side` is odd. Cells outside count as zero.
    """
    offsets = np.abs(np.subtract.outer(np.arange(size), np.arange(size)))
    return np.asarray((offsets <= side // 2) / side, np.float32)


@lru_cache(maxsize=32)
def averages(source: int, target: int) -> F32:
    """Returns the matrix (target, source) float32 of adaptive average pooling along an axis.

    Row i averages the source cells from floor(i s / t) up to, but without, ceil((i + 1) s / t), as torch does.
    """
    matrix = np.zeros((target, source), np.float32)
    for i in range(target):
        first, last = i * source // target, -(-(i + 1) * source // target)
        matrix[i, first:last] = 1 / (last - first)
    return matrix


@lru_cache(maxsize=32)
def bilinear(source: int, target: int) -> F32:
    """Returns the matrix (target, source) float32 of linear interpolation along an axis.

    Cells have half-pixel centres. The border value is repeated outside.
    """
    centres = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)
    return np.asarray(np.maximum(0, 1 - np.abs(np.subtract.outer(centres, np.arange(source)))), np.float32)
