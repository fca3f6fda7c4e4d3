"""OMP without a Gram matrix, compiled: the same function as `omp.py`, for few signals per dictionary.

The orthonormal directions q_m themselves are kept, and a step reads the whole dictionary for D q_m: K F operations
a step, where a Gram matrix would cost K^2 F once. The time is that of reading the dictionary once from memory and
T - 1 times from the cache. A dictionary stored as float16 is widened in registers as it is read.
"""

from __future__ import annotations

import numpy as np

from ..kernels import kernel
from ..simd import number, product
from .scratch_cpu import FAST, another, count_in, floors, norm, scratch, solve, stretch, weak
from .step_simd import largest, step

TILE = 8  # rows read from memory before their next stretch: nearly one stream


@kernel(fastmath=FAST)
def direction(dictionary, j, directions, t, h):
    """directions[t] (F,) = atom j of (K,F) minus its part along directions[:t], whose coordinates become
    h[0,t,:t].

    Returns the energy of the atom and that of the remaining part.
    """
    length = directions.shape[1]
    whole = directions.dtype.type(0)
    for f in range(length):
        directions[t, f] = number(dictionary[j, f])
        whole += directions[t, f] * directions[t, f]
    for m in range(t):
        along = directions.dtype.type(0)
        for f in range(length):
            along += directions[m, f] * directions[t, f]
        h[0, t, m] = along
        for f in range(length):
            directions[t, f] -= along * directions[m, f]
    left = directions.dtype.type(0)
    for f in range(length):
        left += directions[t, f] * directions[t, f]
    return whole, left


@kernel(fastmath=FAST)
def pursue_direct(signals, n, atoms, stops, least, enough, limit, scratch, directions, support):
    """Like `omp_cpu.pursue` for signal n of (N,F), whose correlations are scratch.a[0]; returns the number of
    atoms chosen. Scratch: directions (T,F), orthonormal."""
    dictionary, transposed, squares = atoms
    share, dependent = stops
    a, mask, rows, h, c = scratch.a, scratch.mask, scratch.rows, scratch.h, scratch.c
    length, count = norm(signals[n]), dictionary.shape[0]
    energy, one = length * length, a.dtype.type(1)
    bar = (share * length) * (share * length)
    limit = min(support.shape[1], limit)
    if energy <= enough or limit < 1:
        return 0
    count_in(mask, count)
    j = largest(a, 0, mask, 0)
    for t in range(limit):
        if weak(a[0, j], squares[j], bar):
            j = another(a, 0, mask, 0, squares, bar, least, support, n, t, None, scratch.left, scratch.floor, one)
            if j < 0:
                return t
        whole, left = direction(dictionary, j, directions, t, h)
        if left <= dependent * whole:
            return t
        h[0, t, t] = np.sqrt(left)
        along = a[0, j] / h[0, t, t]
        c[0, t] = along
        support[n, t] = j
        energy -= np.float64(along) * np.float64(along)
        if energy <= enough or t + 1 == limit:
            return t + 1
        mask[0, j] = 0
        inverse = 1 / h[0, t, t]
        for f in range(directions.shape[1]):
            directions[t, f] *= inverse
        product(a, 1, directions, t, transposed, 0, directions.shape[1])
        j = step(a, 0, rows, h, 0, a, 1, 1, along, mask, 0)
    return limit


@kernel
def direct_items(signals, atoms, stops, enough, limits, support, x, first, last):
    """Codes the signals `first` to `last` (exclusive), see `omp_cpu.omp_items`. If the dictionaries and the
    transposed ones are of uint16, they hold the bits of float16 numbers."""
    dictionaries, columns, squares = atoms
    count, length = max(1, signals.shape[1]), signals.shape[2]
    room = scratch(signals, support.shape[2], columns.shape[2], 4, 1)
    directions = np.empty((support.shape[2], length), signals.dtype)
    for p in range(first // count, (last + count - 1) // count):
        start, stop = stretch(p, count, first, last)
        one = dictionaries[p], columns[p], squares[p]
        least = floors(squares[p], squares.shape[1], stops[1], room.floor)
        for n in range(start, stop):
            support[p, n] = -1
            x[p, n] = 0
            for row in range(0, length, TILE):
                product(room.a, 0, signals[p], n, columns[p], row, min(row + TILE, length))
            chosen = pursue_direct(
                signals[p], n, one, stops, least, enough[p, n], limits[p, n], room, directions, support[p]
            )
            solve(room.h, 0, room.c, chosen, x[p], n)
