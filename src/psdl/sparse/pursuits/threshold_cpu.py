"""Thresholding, compiled: the same function as `threshold.py`.

The chosen atoms are made orthonormal one after another by the rows of a Cholesky factor of their Gram matrix.
"""

from __future__ import annotations

import numpy as np

from ..kernels import kernel
from .gram_cpu import correlate, gram_row
from .scratch_cpu import FAST, count_in, floors, norm, own_gram, scratch, solve, stretch, weak
from .step_simd import largest


@kernel(fastmath=FAST)
def keep(scratch, atoms, gram, bar, limit, support, n):
    """Chooses the atoms of one signal from the correlations scratch.a[0]: support[n] (T,). Returns their number;
    scratch.h and scratch.c hold what the coefficients are solved from. Correlations up to sqrt(`bar`) times the
    norm of the atom do not count."""
    dictionary, transposed, squares = atoms
    gram, known = gram
    a, mask, h, c = scratch.a, scratch.mask, scratch.h, scratch.c
    count_in(mask, squares.shape[0])
    count, chosen = 0, support[n]
    for i in range(limit):
        j = largest(a, 0, mask, 0)
        if mask[0, j] == 0 or count == chosen.shape[0]:  # no atom is left, or, but for rounding, no direction
            break
        mask[0, j] = 0
        if weak(a[0, j], squares[j], bar):
            continue
        norm2 = squares[j]
        value = a[0, j]
        for m in range(count):
            along = gram[chosen[m], j]
            for l in range(m):
                along -= h[0, m, l] * h[0, count, l]
            along /= h[0, m, m]
            h[0, count, m] = along
            norm2 -= along * along
            value -= along * c[0, m]
        if norm2 <= scratch.floor[j]:
            continue
        h[0, count, count] = np.sqrt(norm2)
        c[0, count] = value / h[0, count, count]
        chosen[count] = j
        count += 1
        if not known[j]:
            gram_row(dictionary, transposed, gram, known, j, a, 0, mask, 0, limit - i - 2)
    return count


@kernel
def threshold_items(signals, atoms, gram, stops, enough, limits, support, x, first, last):
    """Codes the signals `first` to `last` (exclusive), see `omp_cpu.omp_items`."""
    dictionaries, columns, squares = atoms
    count = max(1, signals.shape[1])
    room = scratch(gram, support.shape[2], columns.shape[2], 4, 1)
    there = np.ones(gram.shape[1], np.uint8)
    for p in range(first // count, (last + count - 1) // count):
        start, stop = stretch(p, count, first, last)
        one = dictionaries[p], columns[p], squares[p]
        own = (gram[p], there) if gram.shape[0] > 0 else own_gram(one, stop - start, support.shape[2])
        floors(squares[p], squares.shape[1], stops[1], room.floor)
        for n in range(start, stop):
            support[p, n] = -1
            x[p, n] = 0
            correlate(signals[p], n, 1, columns[p], room.a, 0)
            share = stops[0] * norm(signals[p, n])
            kept = keep(room, one, own, share * share, min(limits[p, n], squares.shape[1]), support[p], n)
            solve(room.h, 0, room.c, kept, x[p], n)
