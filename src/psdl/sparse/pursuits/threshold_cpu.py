"""Thresholding, compiled: the same function as `threshold.py`.

The chosen atoms are made orthonormal one after another by the rows of a Cholesky factor of their Gram matrix.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from psdl.sparse.pursuits.omp_cpu import FAST, correlate, count_in, floors, norm, solve, stretch
from psdl.sparse.pursuits.step_simd import largest


@njit(nogil=True, cache=True, fastmath=FAST)
def keep(a, gram, smallest, scratch, support):
    """One signal: from correlations a[0] of (4,W) to support (T,); scratch.h and scratch.c hold what the
    coefficients are solved from. Returns the number of atoms kept."""
    mask, h, c = scratch.mask, scratch.h, scratch.c
    count_in(mask, gram.shape[0])
    count = 0
    for _ in range(min(support.shape[0], gram.shape[0])):
        j = largest(a, 0, mask, 0)
        if abs(a[0, j]) <= smallest:
            break
        mask[0, j] = 0
        norm2 = gram[j, j]
        value = a[0, j]
        for m in range(count):
            along = gram[support[m], j]
            for i in range(m):
                along -= h[0, m, i] * h[0, count, i]
            along /= h[0, m, m]
            h[0, count, m] = along
            norm2 -= along * along
            value -= along * c[0, m]
        if norm2 <= scratch.floor[j]:
            continue
        h[0, count, count] = np.sqrt(norm2)
        c[0, count] = value / h[0, count, count]
        support[count] = j
        count += 1
    return count


@njit(nogil=True, cache=True)
def threshold_items(signals, transposed, gram, tolerance, dependent, enough, scratch, support, x, first, last):
    """Codes of the signals `first` up to `last`, see `omp_cpu.omp_items`."""
    count = max(1, signals.shape[1])
    for p in range(first // count, (last + count - 1) // count):
        start, stop = stretch(p, count, first, last)
        floors(gram[p], dependent, scratch.floor)
        for n in range(start, stop):
            support[p, n] = -1
            x[p, n] = 0
            correlate(signals[p], n, 1, transposed[p], scratch.a, 0)
            kept = keep(scratch.a, gram[p], tolerance * norm(signals[p, n]), scratch, support[p, n])
            solve(scratch.h, 0, scratch.c, kept, x[p], n)
