"""OMP and order-recursive matching pursuit, compiled: the same functions as `omp.py` and `ormp.py`.

Per signal the kernel keeps the correlations a = D r of all atoms with the residual and, for each orthonormal direction
q_m found so far, the row W[m] = D q_m. One step with the new atom j:

    h = W[:t, j]              coordinates of d_j in the directions found so far
    W[t] = (G[j] - h W[:t]) / norm,   norm^2 = G[j, j] - |h|^2
    a -= c W[t],              c = a[j] / norm

The coordinates h of the chosen atoms form a triangle, from which the coefficients follow at the end. No Cholesky
factor, no residual; a step reads W once.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from psdl.sparse.simd import largest, product, products, step

# Reassociation and fused multiply-add let the loops use vector registers; NaN and infinity keep their meaning.
FAST = {"reassoc", "contract", "arcp", "nsz"}


@njit(nogil=True, cache=True, fastmath=FAST)
def norm(values):
    """The Euclidean norm of (F,), in float64: squares of float32 numbers neither overflow nor vanish there."""
    energy = 0.0
    for f in range(values.shape[0]):
        energy += np.float64(values[f]) * np.float64(values[f])
    return energy**0.5


@njit(nogil=True, cache=True)
def count_in(mask, atoms):
    """Lets the first `atoms` of mask (W,) count, see `simd.largest`, and the padding not."""
    mask[:] = 0
    mask[:atoms] = np.iinfo(mask.dtype).max


@njit(nogil=True, cache=True, fastmath=FAST)
def gather(rows, j, t, h):
    """h[:t] = rows[:t, j]; returns their energy."""
    for m in range(t):
        h[m] = rows[m, j]
    energy = rows.dtype.type(0)
    for m in range(t):
        energy += h[m] * h[m]
    return energy


@njit(nogil=True, cache=True, fastmath=FAST)
def most_gain(a, left, new, gram, mask, dependent, length, gains):
    """The atom whose choice lowers the residual's energy most: the largest a^2 / left among those that count.

    `left` (W,), what is left of the squared norms outside the directions found, loses new^2 first; atoms that depend
    linearly on the chosen ones gain nothing. `length`, the signal's norm, keeps the squares in range.
    """
    scale = a.dtype.type(1 / length)
    zero = a.dtype.type(0)
    for k in range(gram.shape[0]):
        left[k] -= new[k] * new[k]
    for k in range(gram.shape[0]):
        share = a[k] * scale
        gains[k] = share * share / left[k] if left[k] > dependent * gram[k, k] else zero
    return largest(gains, mask)


@njit(nogil=True, cache=True, fastmath=FAST)
def pursue(a, gram, tolerance, dependent, length, enough, optimised, scratch, support):
    """One signal of norm `length`: from correlations a (W,), overwritten, to support (T,); what the coefficients are
    solved from lies in scratch.h and scratch.c. Returns the number of atoms chosen.

    It stops when T atoms are chosen, the residual's energy is at most `enough`, no correlation exceeds `tolerance`
    times `length`, or the next atom depends linearly on those chosen. `optimised` chooses as ORMP does.
    """
    mask, rows, triangle, c = scratch.mask, scratch.rows, scratch.h, scratch.c
    left, gains = scratch.left, scratch.gains
    atoms = gram.shape[0]
    count_in(mask, atoms)
    energy = length * length
    limit = min(support.shape[0], atoms)
    if energy <= enough:
        return 0
    if optimised:
        for k in range(atoms):
            left[k] = gram[k, k]
        gains[atoms:] = 0
        rows[0] = 0
        j = most_gain(a, left, rows[0], gram, mask, dependent, max(length, np.finfo(a.dtype).tiny), gains)
    else:
        j = largest(a, mask)
    for t in range(limit):
        if abs(a[j]) <= tolerance * length:
            return t
        h = triangle[t]
        diagonal = gram[j, j]
        norm2 = diagonal - gather(rows, j, t, h)
        if norm2 <= dependent * diagonal:
            return t
        h[t] = norm2**0.5
        c[t] = a[j] / h[t]
        support[t] = j
        energy -= np.float64(c[t]) * np.float64(c[t])
        if energy <= enough or t + 1 == limit:
            return t + 1
        mask[j] = 0
        j = step(a, mask, rows[t], gram[j], h, rows, t, 1 / h[t], c[t])
        if optimised:
            j = most_gain(a, left, rows[t], gram, mask, dependent, length, gains)
    return limit


@njit(nogil=True, cache=True, fastmath=FAST)
def solve(triangle, c, count, x):
    """x[:count] from sum over i >= m of triangle[i, m] x[i] = c[m]; c is overwritten."""
    for i in range(count - 1, -1, -1):
        row = triangle[i]
        value = c[i] / row[i]
        x[i] = value
        for m in range(i):
            c[m] -= value * row[m]


@njit(nogil=True, cache=True)
def correlate(signals, transposed, a):
    """a[:n] (n,W) = signals (n,F) @ transposed (F,W), n at most 4."""
    if signals.shape[0] == 4:
        products(a, signals, transposed)
    else:
        for n in range(signals.shape[0]):
            product(a[n], signals[n], transposed)


@njit(nogil=True, cache=True)
def gram_rows(dictionary, transposed, gram, first, last):
    """gram[first:last] of the Gram matrix (K,W) of a dictionary (K,F), given transposed and padded (F,W)."""
    for k in range(first, last, 4):
        end = min(k + 4, last)
        correlate(dictionary[k:end], transposed, gram[k:end])


@njit(nogil=True, cache=True)
def prepare_block(dictionary, transposed, gram):
    """What `omp_block` reads of a dictionary (K,F): transposed (F,W), padded with zeros, and the Gram matrix (K,W)."""
    atoms = dictionary.shape[0]
    transposed[:, atoms:] = 0
    for k in range(atoms):
        for f in range(dictionary.shape[1]):
            transposed[f, k] = dictionary[k, f]
    gram_rows(dictionary, transposed, gram, 0, atoms)


@njit(nogil=True, cache=True)
def omp_block(signals, transposed, gram, tolerance, dependent, enough, optimised, scratch, support, x):
    """Codes a block of signals (n,F) with one dictionary, given transposed (F,W) and as Gram matrix (K,W).

    Writes support (n,T), -1 where unused, and x (n,T), 0 where unused.
    """
    for first in range(0, signals.shape[0], 4):
        last = min(first + 4, signals.shape[0])
        correlate(signals[first:last], transposed, scratch.a)
        for n in range(first, last):
            support[n] = -1
            x[n] = 0
            length = norm(signals[n])
            count = pursue(
                scratch.a[n - first],
                gram,
                tolerance,
                dependent,
                length,
                enough,
                optimised,
                scratch,
                support[n],
            )
            solve(scratch.h, scratch.c, count, x[n])


@njit(nogil=True, cache=True)
def omp_items(
    signals, transposed, gram, tolerance, dependent, enough, optimised, scratch, support, x, first, last, size
):
    """`omp_block` for the items `first` up to `last`: blocks of `size` signals of signals (P,N,F), position after
    position, each with its own dictionary transposed (P,F,W) and gram (P,K,W)."""
    count = signals.shape[1]
    blocks = max(1, (count + size - 1) // size)
    for item in range(first, last):
        p = item // blocks
        start = item % blocks * size
        stop = min(start + size, count)
        omp_block(
            signals[p, start:stop],
            transposed[p],
            gram[p],
            tolerance,
            dependent,
            enough,
            optimised,
            scratch,
            support[p, start:stop],
            x[p, start:stop],
        )
