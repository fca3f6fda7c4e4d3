"""Orthogonal matching pursuit, compiled: the same function as `omp.py`, a block of signals on one thread.

Per signal it keeps the correlations a = D r of all atoms with the residual and, for each orthonormal direction
q_m found so far, the row W[m] = D q_m. One step with the new atom j:

    h = W[:t, j]              coordinates of d_j in the directions found so far
    W[t] = (G[j] - h W[:t]) / norm,   norm^2 = G[j, j] - |h|^2
    a -= c W[t],              c = a[j] / norm

The first t coordinates of the chosen atoms form a triangle, from which the coefficients follow at the end.
No Cholesky factor, no residual; a step reads W once, and rows are taken eight at a time so that the loop is
bound by those reads alone.
"""

from __future__ import annotations

import numpy as np
from numba import njit

# Reassociation and fused multiply-add let the loops use vector registers; NaN and infinity keep their meaning.
FAST = {"reassoc", "contract", "arcp", "nsz"}


@njit(nogil=True, cache=True, fastmath=FAST)
def subtract_rows(out, weights, rows, count):
    """out -= weights[:count] @ rows[:count], eight rows a pass."""
    width = out.shape[0]
    m = 0
    while m + 8 <= count:
        w0, w1, w2, w3 = weights[m], weights[m + 1], weights[m + 2], weights[m + 3]
        w4, w5, w6, w7 = weights[m + 4], weights[m + 5], weights[m + 6], weights[m + 7]
        r0, r1, r2, r3 = rows[m], rows[m + 1], rows[m + 2], rows[m + 3]
        r4, r5, r6, r7 = rows[m + 4], rows[m + 5], rows[m + 6], rows[m + 7]
        for k in range(width):
            first = w0 * r0[k] + w1 * r1[k] + w2 * r2[k] + w3 * r3[k]
            second = w4 * r4[k] + w5 * r5[k] + w6 * r6[k] + w7 * r7[k]
            out[k] -= first + second
        m += 8
    while m < count:
        weight = weights[m]
        row = rows[m]
        for k in range(width):
            out[k] -= weight * row[k]
        m += 1


@njit(nogil=True, cache=True)
def largest(bits):
    """Index of the largest absolute value (the first of equals) of floats given by their bits.

    Without its sign bit a float's bits order as an integer; integer maxima vectorise without fast-math.
    """
    width = bits.shape[0]
    sign_off = bits.dtype.type(np.iinfo(bits.dtype).max)
    top = bits[0] & sign_off
    for k in range(1, width):
        top = max(top, bits[k] & sign_off)
    best = width
    for k in range(width):
        best = min(best, k if (bits[k] & sign_off) == top else width)
    return best


@njit(nogil=True, cache=True, fastmath=FAST)
def correlate(signal, transposed, negated, a):
    """a (K,) <- D signal, from D transposed (F,K); `negated` (F,) is scratch. Returns the signal's norm."""
    energy = signal.dtype.type(0)
    for f in range(signal.shape[0]):
        negated[f] = -signal[f]
        energy += signal[f] * signal[f]
    a[:] = 0
    subtract_rows(a, negated, transposed, signal.shape[0])
    return energy**0.5


@njit(nogil=True, cache=True, fastmath=FAST)
def pursue(a, bits, gram, smallest, dependent, W, h, c, support):
    """One signal: from correlations a (K,), overwritten, to support (T,) and c (T,), the signal's coordinates
    in the orthonormal directions. `bits` is `a` seen as integers. Returns the number of atoms chosen.
    Scratch: W (T,K), h (T,)."""
    width = a.shape[0]
    for t in range(min(support.shape[0], width)):
        j = largest(bits)
        if abs(a[j]) <= smallest:
            return t
        norm2 = gram[j, j]
        for m in range(t):
            h[m] = W[m, j]
            norm2 -= h[m] * h[m]
        if norm2 <= dependent * gram[j, j]:
            return t
        w = W[t]
        row = gram[j]
        for k in range(width):
            w[k] = row[k]
        subtract_rows(w, h, W, t)
        inverse = 1 / norm2**0.5
        c[t] = a[j] * inverse
        step = c[t] * inverse
        for k in range(width):
            a[k] -= step * w[k]
            w[k] *= inverse
        support[t] = j
        for m in range(t + 1):
            a[support[m]] = 0
    return min(support.shape[0], width)


@njit(nogil=True, cache=True, fastmath=FAST)
def coefficients_from(c, W, support, count, x):
    """x[:count] (in place) solves the triangle sum_i W[m, support[i]] x[i] = c[m], i >= m."""
    for m in range(count - 1, -1, -1):
        value = c[m]
        for i in range(m + 1, count):
            value -= W[m, support[i]] * x[i]
        x[m] = value / W[m, support[m]]


@njit(nogil=True, cache=True)
def prepare_block(dictionary, transposed, gram):
    """What `omp_block` reads of a dictionary (K,F): transposed (F,K) and the Gram matrix gram (K,K)."""
    for k in range(dictionary.shape[0]):
        for f in range(dictionary.shape[1]):
            transposed[f, k] = dictionary[k, f]
    negated = np.empty_like(dictionary[0])
    for k in range(dictionary.shape[0]):
        correlate(dictionary[k], transposed, negated, gram[k])


@njit(nogil=True, cache=True)
def omp_block(signals, transposed, gram, tolerance, dependent, bits, a, W, support, x):
    """Codes a block of signals (n,F) with one dictionary, given transposed (F,K) and as Gram matrix (K,K).

    Writes support (n,T), -1 where unused, and x (n,T), 0 where unused. `a` (K,) with its integer view `bits`
    and W (T,K) are scratch, so that a caller with many small blocks allocates them once.
    """
    sparsity = support.shape[1]
    negated = np.empty_like(signals[0]) if signals.shape[0] else np.empty_like(a)
    h = np.empty(sparsity, a.dtype)
    c = np.empty(sparsity, a.dtype)
    for n in range(signals.shape[0]):
        support[n] = -1
        x[n] = 0
        norm = correlate(signals[n], transposed, negated, a)
        count = pursue(a, bits, gram, tolerance * norm, dependent, W, h, c, support[n])
        coefficients_from(c, W, support[n], count, x[n])


@njit(nogil=True, cache=True)
def omp_items(signals, transposed, gram, tolerance, dependent, bits, a, W, support, x, first, last, size):
    """`omp_block` for the items `first` up to `last`: blocks of `size` signals of signals (P,N,F), position after
    position, each with its own dictionary transposed (P,F,K) and gram (P,K,K)."""
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
            bits,
            a,
            W,
            support[p, start:stop],
            x[p, start:stop],
        )
