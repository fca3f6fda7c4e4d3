"""OMP and order-recursive matching pursuit, compiled: the same functions as `omp.py` and `ormp.py`.

Per signal the kernel keeps the correlations a = D r of all atoms with the residual and, for each orthonormal
direction q_m found so far, the row W[m] = D q_m. One step with the new atom j:

    h = W[:t, j]              coordinates of d_j in the directions found so far
    W[t] = (G[j] - h W[:t]) / norm,   norm^2 = G[j, j] - |h|^2
    a -= c W[t],              c = a[j] / norm

The coordinates h of the chosen atoms form a triangle, from which the coefficients follow at the end. No Cholesky
factor, no residual; a step reads W once.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from psdl.sparse.pursuits.step_simd import largest, most_gain, step, step_gain
from psdl.sparse.simd import product, products

# Reassociation and fused multiply-add let the loops use vector registers; NaN and infinity keep their meaning.
FAST = {"reassoc", "contract", "arcp", "nsz"}


@njit(nogil=True, cache=True, fastmath=FAST)
def norm(values):
    """The Euclidean norm of (F,), in float64: squares of float32 numbers neither overflow nor vanish there."""
    energy = 0.0
    for f in range(values.shape[0]):
        energy += np.float64(values[f]) * np.float64(values[f])
    return np.sqrt(energy)


@njit(nogil=True, cache=True)
def count_in(mask, atoms):
    """Lets the first `atoms` of each row of mask (g,W) count, see `step_simd.largest`, and the padding not."""
    mask[:] = 0
    mask[:, :atoms] = np.iinfo(mask.dtype).max


@njit(nogil=True, cache=True)
def floors(gram, dependent, floor):
    """floor (W,) <- the squared norms that count as nothing left of the atoms of gram (K,W)."""
    floor[:] = 0
    for k in range(gram.shape[0]):
        floor[k] = dependent * gram[k, k]


@njit(nogil=True, cache=True, fastmath=FAST)
def pursue(a, first, size, gram, tolerance, enough, optimised, lengths, scratch, support, counts):
    """A group of `size` signals of norms `lengths`: from correlations a[first:first+size] (4,W), overwritten, to
    support (size,T) and the counts (size,) of atoms chosen; the coefficients are solved from scratch.h and
    scratch.c.

    A signal is done when T atoms are chosen, its residual's energy is at most `enough`, no correlation exceeds
    `tolerance` times its norm, or the next atom depends linearly on those chosen. `optimised` chooses as ORMP
    does. The signals take their steps in turn, so that the processor begins one's while it waits for another's
    result.
    """
    mask, rows, h, c, left, floor = scratch.mask, scratch.rows, scratch.h, scratch.c, scratch.left, scratch.floor
    chosen, energy = np.empty(size, np.intp), np.empty(size)
    one, atoms = a.dtype.type(1), gram.shape[0]
    limit = min(support.shape[1], atoms)
    count_in(mask, atoms)
    for s in range(size):
        counts[s] = 0
        energy[s] = lengths[s] * lengths[s]
        scale = a.dtype.type(1 / max(lengths[s], np.finfo(a.dtype).tiny))
        if energy[s] <= enough:
            chosen[s] = -1
        elif optimised is not None:
            for k in range(left.shape[1]):
                left[s, k] = gram[k, k] if k < atoms else 0
            chosen[s] = most_gain(a, first + s, mask, s, left, floor, scale)
        else:
            chosen[s] = largest(a, first + s, mask, s)
    for t in range(limit):
        for s in range(size):
            j, n = chosen[s], first + s
            if j < 0:
                continue
            chosen[s] = -1
            if abs(a[n, j]) <= tolerance * lengths[s]:
                continue
            norm2 = gram[j, j]
            for m in range(t):
                h[s, t, m] = rows[s, m, j]
            for m in range(t):
                norm2 -= h[s, t, m] * h[s, t, m]
            if norm2 <= floor[j]:
                continue
            h[s, t, t] = np.sqrt(norm2)
            inverse = one / h[s, t, t]
            along = a[n, j] * inverse
            c[s, t] = along
            support[s, t] = j
            counts[s] = t + 1
            energy[s] -= np.float64(along) * np.float64(along)
            if energy[s] <= enough or t + 1 == limit:
                continue
            mask[s, j] = 0
            if optimised is not None:
                scale = a.dtype.type(1 / lengths[s])
                chosen[s] = step_gain(a, n, rows, h, t, gram, j, inverse, along, mask, s, left, floor, scale)
            else:
                chosen[s] = step(a, n, rows, h, t, gram, j, inverse, along, mask, s)


@njit(nogil=True, cache=True, fastmath=FAST)
def solve(h, s, c, count, x, n):
    """x[n,:count] from sum over i >= m of h[s,i,m] x[n,i] = c[s,m]; c[s] is overwritten."""
    for i in range(count - 1, -1, -1):
        value = c[s, i] / h[s, i, i]
        x[n, i] = value
        for m in range(i):
            c[s, m] -= value * h[s, i, m]


@njit(nogil=True, cache=True)
def correlate(signals, first, count, transposed, a, row):
    """a[row:row+count] = signals[first:first+count] @ transposed, of signals (N,F), transposed (F,W), a (.,W)."""
    n, length = 0, transposed.shape[0]
    while n + 4 <= count:
        products(a, row + n, signals, first + n, transposed, 0, length)
        n += 4
    while n < count:
        product(a, row + n, signals, first + n, transposed, 0, length)
        n += 1


@njit(nogil=True, cache=True)
def gram_rows(dictionary, transposed, gram, first, last):
    """gram[first:last] of the Gram matrix (K,W) of a dictionary (K,F), given transposed and padded (F,W)."""
    correlate(dictionary, first, last - first, transposed, gram, first)


@njit(nogil=True, cache=True)
def prepare_block(dictionary, transposed, gram):
    """What `omp_block` reads of a dictionary (K,F): transposed (F,W), padded with zeros, and the Gram matrix
    (K,W)."""
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
    group = scratch.mask.shape[0]
    lengths, counts = np.empty(group), np.empty(group, np.intp)
    floors(gram, dependent, scratch.floor)
    support[:] = -1
    x[:] = 0
    for first in range(0, signals.shape[0], 4):
        last = min(first + 4, signals.shape[0])
        correlate(signals, first, last - first, transposed, scratch.a, 0)
        for start in range(first, last, group):
            size = min(group, last - start)
            for s in range(size):
                lengths[s] = norm(signals[start + s])
            row, found = start - first, support[start : start + size]
            pursue(scratch.a, row, size, gram, tolerance, enough, optimised, lengths, scratch, found, counts)
            for s in range(size):
                solve(scratch.h, s, scratch.c, counts[s], x, start + s)


@njit(nogil=True, cache=True)
def stretch(p, count, first, last):
    """Of the signals `first` up to `last` of all positions, `count` each: those of position p, start and stop."""
    return max(first - p * count, 0), min(last - p * count, count)


@njit(nogil=True, cache=True)
def omp_items(
    signals, transposed, gram, tolerance, dependent, enough, optimised, scratch, support, x, first, last
):
    """`omp_block` for the signals `first` up to `last` of signals (P,N,F), position after position, each with its
    own dictionary transposed (P,F,W) and gram (P,K,W)."""
    count = max(1, signals.shape[1])
    for p in range(first // count, (last + count - 1) // count):
        start, stop = stretch(p, count, first, last)
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
