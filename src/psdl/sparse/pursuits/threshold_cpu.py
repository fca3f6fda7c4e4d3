"""Thresholding, compiled: the same function as `threshold.py`.

The chosen atoms are made orthonormal one after another by the rows of a Cholesky factor of their Gram matrix.
"""

from __future__ import annotations

from numba import njit

from psdl.sparse.pursuits.omp_cpu import FAST, correlate, count_in, norm, solve
from psdl.sparse.simd import largest


@njit(nogil=True, cache=True, fastmath=FAST)
def keep(a, gram, smallest, dependent, scratch, support):
    """One signal: from correlations a (W,) to support (T,); scratch.h and scratch.c hold what the coefficients are
    solved from. Returns the number of atoms kept."""
    mask, triangle, c = scratch.mask, scratch.h, scratch.c
    count_in(mask, gram.shape[0])
    count = 0
    for _ in range(min(support.shape[0], gram.shape[0])):
        j = largest(a, mask)
        if abs(a[j]) <= smallest:
            break
        mask[j] = 0
        h = triangle[count]
        norm2 = gram[j, j]
        value = a[j]
        for m in range(count):
            row = triangle[m]
            along = gram[support[m], j]
            for i in range(m):
                along -= row[i] * h[i]
            h[m] = along / row[m]
            norm2 -= h[m] * h[m]
            value -= h[m] * c[m]
        if norm2 <= dependent * gram[j, j]:
            continue
        h[count] = norm2**0.5
        c[count] = value / h[count]
        support[count] = j
        count += 1
    return count


@njit(nogil=True, cache=True)
def threshold_items(signals, transposed, gram, tolerance, dependent, enough, scratch, support, x, first, last, size):
    """Codes of the items `first` up to `last`, see `omp_cpu.omp_items`."""
    count = signals.shape[1]
    blocks = max(1, (count + size - 1) // size)
    for item in range(first, last):
        p = item // blocks
        start = item % blocks * size
        for n in range(start, min(start + size, count)):
            support[p, n] = -1
            x[p, n] = 0
            correlate(signals[p, n : n + 1], transposed[p], scratch.a)
            kept = keep(
                scratch.a[0], gram[p], tolerance * norm(signals[p, n]), dependent, scratch, support[p, n]
            )
            solve(scratch.h, scratch.c, kept, x[p, n])
