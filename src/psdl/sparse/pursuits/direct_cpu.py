"""OMP without a Gram matrix, compiled: the same function as `omp.py`, for a few signals a dictionary.

The orthonormal directions q_m themselves are kept, and a step reads the whole dictionary for D q_m: K F operations
where a Gram matrix would cost K^2 F once. So the time is that of reading the dictionary from memory once and from the
cache T - 1 times. A dictionary stored as float16 is widened into the cache first.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from psdl.sparse.pursuits.omp_cpu import FAST, count_in, norm, solve
from psdl.sparse.simd import largest, product, step, widen


@njit(nogil=True, cache=True, fastmath=FAST)
def direction(transposed, j, directions, t, h):
    """directions[t] (F,) = atom j less its part along directions[:t], whose coordinates become h[:t].

    Returns the energies of the atom and of what is left.
    """
    new = directions[t]
    whole = new.dtype.type(0)
    for f in range(new.shape[0]):
        new[f] = transposed[f, j]
        whole += new[f] * new[f]
    for m in range(t):
        along = new.dtype.type(0)
        for f in range(new.shape[0]):
            along += directions[m, f] * new[f]
        h[m] = along
        for f in range(new.shape[0]):
            new[f] -= along * directions[m, f]
    left = new.dtype.type(0)
    for f in range(new.shape[0]):
        left += new[f] * new[f]
    return whole, left


@njit(nogil=True, cache=True, fastmath=FAST)
def pursue_direct(signal, transposed, atoms, tolerance, dependent, enough, scratch, directions, support):
    """As `omp_cpu.pursue`, of a signal (F,), from the dictionary transposed (F,W) alone; scratch: directions (T,F)."""
    a, mask, new = scratch.a[0], scratch.mask, scratch.rows[0]
    triangle, c = scratch.h, scratch.c
    length = norm(signal)
    energy = length * length
    limit = min(support.shape[0], atoms)
    if energy <= enough:
        return 0
    count_in(mask, atoms)
    product(a, signal, transposed)
    j = largest(a, mask)
    for t in range(limit):
        if abs(a[j]) <= tolerance * length:
            return t
        h = triangle[t]
        whole, left = direction(transposed, j, directions, t, h)
        if left <= dependent * whole:
            return t
        h[t] = left**0.5
        c[t] = a[j] / h[t]
        support[t] = j
        energy -= np.float64(c[t]) * np.float64(c[t])
        if energy <= enough or t + 1 == limit:
            return t + 1
        mask[j] = 0
        inverse = 1 / h[t]
        for f in range(signal.shape[0]):
            directions[t, f] *= inverse
        product(new, directions[t], transposed)
        j = step(a, mask, new, new, h, scratch.rows, 0, 1, c[t])
    return limit


@njit(nogil=True, cache=True)
def direct_items(
    signals, transposed, atoms, tolerance, dependent, enough, scratch, directions, support, x, first, last, size
):
    """Codes of the items `first` up to `last`, see `omp_cpu.omp_items`; transposed (P,F,W)."""
    count = signals.shape[1]
    blocks = max(1, (count + size - 1) // size)
    for item in range(first, last):
        p = item // blocks
        start = item % blocks * size
        for n in range(start, min(start + size, count)):
            _code(
                signals[p, n],
                transposed[p],
                atoms,
                tolerance,
                dependent,
                enough,
                scratch,
                directions,
                support[p, n],
                x[p, n],
            )


@njit(nogil=True, cache=True)
def direct_items_half(
    signals, halves, wide, atoms, tolerance, dependent, enough, scratch, directions, support, x, first, last, size
):
    """`direct_items` for dictionaries stored as float16, given by their bits: halves (P,F,W); scratch: wide (F,W)."""
    count = signals.shape[1]
    blocks = max(1, (count + size - 1) // size)
    widened = -1
    for item in range(first, last):
        p = item // blocks
        start = item % blocks * size
        if p != widened:
            widen(wide.reshape(wide.size), halves[p].reshape(wide.size))
            widened = p
        for n in range(start, min(start + size, count)):
            _code(
                signals[p, n],
                wide,
                atoms,
                tolerance,
                dependent,
                enough,
                scratch,
                directions,
                support[p, n],
                x[p, n],
            )


@njit(nogil=True, cache=True)
def _code(signal, transposed, atoms, tolerance, dependent, enough, scratch, directions, support, x):
    support[:] = -1
    x[:] = 0
    count = pursue_direct(
        signal, transposed, atoms, tolerance, dependent, enough, scratch, directions, support
    )
    solve(scratch.h, scratch.c, count, x)
