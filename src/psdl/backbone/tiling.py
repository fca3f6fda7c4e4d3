"""Runs large inputs through a network in overlapping tiles and blends the activation maps.

The maps are nearly those of a single pass, and the network's memory does not grow with the input.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from psdl.errors import PsdlError
from psdl.types import F32, Maps

ALIGN = 32  # pixels: tiles start and end at multiples of the deepest stride, so that cells coincide
SMALLEST = 128  # pixels of a tile


def checked(tile: int) -> int:
    """Returns the side of a tile in pixels if it is valid.

    Raises PsdlError if it is below SMALLEST or no multiple of ALIGN.
    """
    if tile < SMALLEST or tile % ALIGN:
        raise PsdlError(f"`tile` is {tile}: give a multiple of {ALIGN} pixels from {SMALLEST} up, such as 512")
    return tile


def maps(run: Callable[[F32], Maps], inputs: F32, tile: int | None) -> Maps:
    """Returns the activation maps {tap: (n,C,h,w) float32} of inputs (n,3,H,W) float32, computed tile by tile.

    `run` computes the maps of one tile. `tile` is the side of a tile in pixels; None, or an input that fits into
    one tile, means a single pass. Otherwise H and W must be multiples of ALIGN. Neighbouring tiles overlap by
    about a quarter, and their maps are blended linearly there. The outer quarter of the overlap, which is affected
    most by the zero padding of the tile, gets almost no weight.
    """
    height, width = inputs.shape[2:]
    if tile is None or max(height, width) <= tile:
        return run(inputs)
    down, across = _spans(height, tile), _spans(width, tile)
    total: dict[str, F32] = {}
    weights: dict[str, F32] = {}
    for top, bottom in down:
        for left, right in across:
            for tap, found in run(np.ascontiguousarray(inputs[:, :, top:bottom, left:right])).items():
                stride = (bottom - top) // found.shape[2]
                shape = (*found.shape[:2], height // stride, width // stride)
                rows = _weights((top, bottom), height, tile, stride)
                columns = _weights((left, right), width, tile, stride)
                share = rows[:, None] * columns
                place = (..., slice(top // stride, bottom // stride), slice(left // stride, right // stride))
                total.setdefault(tap, np.zeros(shape, np.float32))[place] += found * share
                weights.setdefault(tap, np.zeros(shape[2:], np.float32))[place] += share
    return {tap: values / weights[tap] for tap, values in total.items()}


def _overlap(tile: int) -> int:
    """Returns the least overlap of neighbouring tiles in pixels."""
    return max(ALIGN, tile // 4 // ALIGN * ALIGN)


def _spans(side: int, tile: int) -> list[tuple[int, int]]:
    """Returns the (start, end) of each tile along an axis, in pixels."""
    if side <= tile:
        return [(0, side)]
    count = -(-(side - _overlap(tile)) // (tile - _overlap(tile)))
    offsets = [n * (side - tile) // (count - 1) // ALIGN * ALIGN for n in range(count)]
    return [(start, start + tile) for start in offsets]


def _weights(span: tuple[int, int], side: int, tile: int, stride: int) -> NDArray[np.float32]:
    """Returns the weight of each cell of a tile along an axis: 1 inside, falling towards ends that other tiles
    overlap."""
    cells = (span[1] - span[0]) // stride
    middles = (np.arange(cells) + 0.5) * stride
    margin = _overlap(tile) / 4
    start = np.inf if span[0] == 0 else middles
    end = np.inf if span[1] == side else (span[1] - span[0]) - middles
    nearest = np.minimum(np.broadcast_to(start, cells), np.broadcast_to(end, cells))
    return np.asarray(np.clip((nearest - margin) / (2 * margin), 1e-6, 1), np.float32)
