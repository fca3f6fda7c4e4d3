"""Weighted orthogonal matching pursuit, compiled: the same function as `weighted.py`.

For each signal the dictionary is weighted and normalised again, and then read once for every atom chosen.
"""

from __future__ import annotations

import numpy as np

from ..kernels import kernel
from ..simd import product
from .direct_cpu import pursue_direct
from .scratch_cpu import FAST, floors, scratch, solve, stretch


@kernel(fastmath=FAST)
def weigh(dictionary, transposed, squares, root, dependent, own, own_transposed, inverse):
    """own (K,F) and own_transposed (F,W) <- the dictionary times `root` (F,), normalised; inverse (K,) <- the
    factors of this normalisation, 0 for atoms of which the weights leave only rounding."""
    length, count = dictionary.shape[1], dictionary.shape[0]
    top = root.dtype.type(0)
    for f in range(length):
        top = max(top, root[f])
    inverse[:] = 0
    for f in range(length):
        for k in range(count):
            value = transposed[f, k] * root[f]
            inverse[k] += value * value
    for k in range(count):
        there = inverse[k] > dependent * squares[k] * top * top
        inverse[k] = 1 / np.sqrt(inverse[k]) if there else 0
    for f in range(length):
        for k in range(count):
            own_transposed[f, k] = transposed[f, k] * root[f] * inverse[k]
    for k in range(count):
        for f in range(length):
            own[k, f] = dictionary[k, f] * root[f] * inverse[k]


@kernel
def weighted_items(signals, roots, atoms, stops, enough, limits, support, x, first, last):
    """Codes the signals `first` to `last` (exclusive) of sqrt(w) y (P,N,F), with roots sqrt(w) (P,N,F); see
    `omp_cpu.omp_items`."""
    dictionaries, columns, squares = atoms
    count, length = max(1, signals.shape[1]), signals.shape[2]
    room = scratch(signals, support.shape[2], columns.shape[2], 4, 1)
    directions = np.empty((support.shape[2], length), signals.dtype)
    own, turned = np.empty(dictionaries.shape[1:], signals.dtype), np.zeros(columns.shape[1:], signals.dtype)
    inverse, ones = np.empty(squares.shape[1], signals.dtype), np.ones(squares.shape[1], signals.dtype)
    for p in range(first // count, (last + count - 1) // count):
        start, stop = stretch(p, count, first, last)
        for n in range(start, stop):
            support[p, n] = -1
            x[p, n] = 0
            weigh(dictionaries[p], columns[p], squares[p], roots[p, n], stops[1], own, turned, inverse)
            least = floors(ones, squares.shape[1], stops[1], room.floor)
            product(room.a, 0, signals[p], n, turned, 0, length)
            one = own, turned, ones
            chosen = pursue_direct(
                signals[p], n, one, stops, least, enough[p, n], limits[p, n], room, directions, support[p]
            )
            solve(room.h, 0, room.c, chosen, x[p], n)
            for t in range(chosen):
                x[p, n, t] *= inverse[support[p, n, t]]
