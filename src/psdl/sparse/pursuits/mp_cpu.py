"""Matching pursuit, compiled: the same function as `mp.py`."""

from __future__ import annotations

import numpy as np
from numba import njit

from psdl.sparse.pursuits.omp_cpu import FAST, correlate, count_in, norm, stretch
from psdl.sparse.pursuits.step_simd import largest


@njit(nogil=True, cache=True, fastmath=FAST)
def follow(a, gram, tolerance, length, enough, mask, support, x):
    """One signal of norm `length`: from correlations a[0] of (4,W), overwritten, to support (T,) and x (T,), in T
    steps at most; an atom chosen again adds to its coefficient."""
    energy = length * length
    count = 0
    for _ in range(support.shape[0]):
        if energy <= enough:
            return
        j = largest(a, 0, mask, 0)
        if abs(a[0, j]) <= tolerance * length:
            return
        value = a[0, j] / gram[j, j]
        energy -= np.float64(a[0, j]) * np.float64(value)
        place = count
        for i in range(count):
            if support[i] == j:
                place = i
        if place == count:
            support[count] = j
            count += 1
        x[place] += value
        for k in range(a.shape[1]):
            a[0, k] -= value * gram[j, k]


@njit(nogil=True, cache=True)
def mp_items(signals, transposed, gram, tolerance, dependent, enough, scratch, support, x, first, last):
    """Codes of the signals `first` up to `last`, see `omp_cpu.omp_items`."""
    a, mask = scratch.a, scratch.mask
    count = max(1, signals.shape[1])
    count_in(mask, gram.shape[1])
    for p in range(first // count, (last + count - 1) // count):
        start, stop = stretch(p, count, first, last)
        for n in range(start, stop):
            support[p, n] = -1
            x[p, n] = 0
            correlate(signals[p], n, 1, transposed[p], a, 0)
            follow(a, gram[p], tolerance, norm(signals[p, n]), enough, mask, support[p, n], x[p, n])
