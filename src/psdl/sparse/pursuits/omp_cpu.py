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

from ..kernels import kernel
from .gram_cpu import LARGE, correlate, correlate_in_panels, gram_row
from .scratch_cpu import FAST, another, count_in, floors, norm, own_gram, scratch, solve, stretch, weak
from .step_simd import largest, most_gain, step, step_gain

GROUPED = 24 * 1024  # bytes of rows up to which signals take their steps together
LISTED = 128  # signals that are looked through at once for those that ask for atoms
TOGETHER = 128  # signals that are correlated at once with a dictionary that exceeds the cache


@kernel(fastmath=FAST)
def pursue(a, first, group, atoms, gram, share, least, enough, limits, optimised, scratch, support):
    """A group of signals, from correlations a[first:first+g], overwritten, to support (N,T); the coefficients are
    solved from scratch.h and scratch.c.

    group: the indices and norms of signals, of which those from `start` on are meant, g of them, and the counts
    (g,) of atoms chosen, which are written.

    atoms: the dictionary (K,F), transposed (F,W), and its squared norms (K,); gram: the matrix (K,W), and which of
    its rows are there (K,). A signal is done when limits[n] atoms are chosen, its residual's energy is at most
    enough[n], no correlation exceeds `share` times its norm and the atom's, or the next atom depends linearly on
    those chosen. `optimised` chooses as ORMP does. The signals take their steps in turn, so that the processor
    begins one's while it waits for another's result.
    """
    dictionary, transposed, squares = atoms
    gram, known = gram
    mask, rows, h, c, left, floor = scratch.mask, scratch.rows, scratch.h, scratch.c, scratch.left, scratch.floor
    indices, lengths, start, size, counts = group
    chosen, energy = np.empty(size, np.intp), np.empty(size)
    one, count = a.dtype.type(1), squares.shape[0]
    count_in(mask, count)
    for s in range(size):
        counts[s] = 0
        length = lengths[start + s]
        energy[s] = length * length
        scale = a.dtype.type(1 / max(length, np.finfo(a.dtype).tiny))
        if optimised is not None:
            for k in range(left.shape[1]):
                left[s, k] = squares[k] if k < count else 0
            chosen[s] = most_gain(a, first + s, mask, s, left, floor, scale)
        else:
            chosen[s] = largest(a, first + s, mask, s)
    for t in range(support.shape[1]):
        active = False
        for s in range(size):
            j, n = chosen[s], first + s
            if j < 0:
                continue
            chosen[s], i, length = -1, indices[start + s], lengths[start + s]
            scale = a.dtype.type(1 / max(length, np.finfo(a.dtype).tiny))
            bar = (share * length) * (share * length)
            if weak(a[n, j], squares[j], bar):
                j = another(a, n, mask, s, squares, bar, least, support, i, t, optimised, left, floor, scale)
                if j < 0:
                    continue
            norm2 = squares[j]
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
            support[i, t] = j
            counts[s] = t + 1
            energy[s] -= np.float64(along) * np.float64(along)
            if energy[s] <= enough[i] or t + 1 >= limits[i]:
                continue
            mask[s, j] = 0
            if not known[j]:
                gram_row(dictionary, transposed, gram, known, j, a, n, mask, s, limits[i] - t - 2)
            if optimised is not None:
                chosen[s] = step_gain(a, n, rows, h, t, gram, j, inverse, along, mask, s, left, floor, scale)
            else:
                chosen[s] = step(a, n, rows, h, t, gram, j, inverse, along, mask, s)
            active = True
        if not active:
            break


@kernel
def asked(signals, first, enough, limits, lengths, indices):
    """indices (n,) <- the signals from `first` on that ask for atoms, lengths (n,) their norms, until there are n
    or no more signals; returns how many, and where to go on."""
    count, n = 0, first
    while n < signals.shape[0] and count < indices.shape[0]:
        length = norm(signals[n])
        if length * length > enough[n] and limits[n] > 0:
            indices[count], lengths[count] = n, length
            count += 1
        n += 1
    return count, n


@kernel
def in_turn(group, width, size, used):
    """How many signals take their steps together, where their rows of `width` elements of so many bytes are as
    many as those before have `used`: all of the group while they fit into half of a first-level cache."""
    bytes_each = used * width * size
    return group if group * bytes_each <= GROUPED else min(group, 2) if 2 * bytes_each <= GROUPED else 1


@kernel
def omp_block(signals, atoms, gram, stops, enough, limits, optimised, scratch, support, x):
    """Codes a block of signals (n,F) with one dictionary; atoms and gram: see `pursue`; stops: the shares of
    `omp.stop_tolerance` and `omp.dependence_tolerance`.

    Writes support (n,T), -1 where unused, and x (n,T), 0 where unused.
    """
    transposed, squares = atoms[1], atoms[2]
    group, batch, width = scratch.mask.shape[0], scratch.a.shape[0], scratch.a.shape[1]
    indices, lengths, counts = np.empty(LISTED, np.intp), np.empty(LISTED), np.empty(group, np.intp)
    picked = np.empty((batch, signals.shape[1]), signals.dtype)
    least = floors(squares, squares.shape[0], stops[1], scratch.floor)
    support[:] = -1
    x[:] = 0
    reached, used = 0, min(8.0, 1.0 * support.shape[1])
    while reached < signals.shape[0]:
        count, reached = asked(signals, reached, enough, limits, lengths, indices)
        for first in range(0, count, batch):
            many = min(batch, count - first)
            start, follow = indices[first], indices[first + many - 1] == indices[first] + many - 1
            if not follow:
                start = 0
                for i in range(many):
                    for f in range(picked.shape[1]):
                        picked[i, f] = signals[indices[first + i], f]
            if batch > 4:
                correlate_in_panels(signals if follow else picked, start, many, transposed, scratch.a, 0)
            elif follow:
                correlate(signals, start, many, transposed, scratch.a, 0)
            else:
                correlate(picked, start, many, transposed, scratch.a, 0)
            done = 0
            while done < many:
                size = min(in_turn(group, width, x.itemsize, used), many - done)
                found = indices, lengths, first + done, size, counts
                pursue(
                    scratch.a,
                    done,
                    found,
                    atoms,
                    gram,
                    stops[0],
                    least,
                    enough,
                    limits,
                    optimised,
                    scratch,
                    support,
                )
                for s in range(size):
                    solve(scratch.h, s, scratch.c, counts[s], x, indices[first + done + s])
                    used += (counts[s] - used) / 16
                done += size


@kernel
def batch_of(transposed, signals):
    """How many signals of a call are correlated at once with a dictionary, transposed (F,W)."""
    return TOGETHER if transposed.size * transposed.itemsize > LARGE and signals >= 16 else 4


@kernel
def omp_items(signals, atoms, gram, stops, enough, limits, optimised, support, x, first, last):
    """`omp_block` for the signals `first` up to `last` of signals (P,N,F), position after position, each with its
    own dictionary: atoms (P,K,F), (P,F,W) and (P,K), gram (P,K,W), or (0,K,W) where it is still to be computed;
    enough and limits (P,N)."""
    dictionaries, columns, squares = atoms
    count = max(1, signals.shape[1])
    width = columns.shape[2]
    ends = enough.size > 0 and enough.flat[0] >= 0
    group = in_turn(4, width, x.itemsize, 1 if ends else support.shape[2])
    room = scratch(gram, support.shape[2], width, batch_of(columns[0], last - first), group)
    there = np.ones(gram.shape[1], np.uint8)
    for p in range(first // count, (last + count - 1) // count):
        start, stop = stretch(p, count, first, last)
        one = dictionaries[p], columns[p], squares[p]
        omp_block(
            signals[p, start:stop],
            one,
            (gram[p], there) if gram.shape[0] > 0 else own_gram(one, stop - start, support.shape[2]),
            stops,
            enough[p, start:stop],
            limits[p, start:stop],
            optimised,
            room,
            support[p, start:stop],
            x[p, start:stop],
        )
