"""K-SVD, compiled: the same function as `ksvd.py`, one position on one thread; the approximate update is here.

With the residual R = Y - X D at hand, the rest without atom k is R + g d_old', so that an update costs
O(|w| F) for its |w| users instead of a dense product:

    d = R' g + (g' g) d_old,  d <- d / |d|;    g_new = R d + g (d_old' d);    R += g d_old' - g_new d'
"""

from __future__ import annotations

import numpy as np
from numba import njit

from psdl.sparse.learners.exact_cpu import update_atom_exactly
from psdl.sparse.pursuits.omp_cpu import FAST, norm, omp_block, prepare_block
from psdl.sparse.residuals_cpu import residual_block


@njit(nogil=True, cache=True)
def index_users(support, ends, users):
    """Lists, atom after atom, the places n * T + t of `support` where the atom is used.

    Atom k's places are users[ends[k-1]:ends[k]] (from 0 for the first), ascending in n.
    """
    ends[:] = 0
    for n in range(support.shape[0]):
        for t in range(support.shape[1]):
            if support[n, t] >= 0:
                ends[support[n, t]] += 1
    total = 0
    for k in range(ends.shape[0]):
        count = ends[k]
        ends[k] = total
        total += count
    for n in range(support.shape[0]):
        for t in range(support.shape[1]):
            k = support[n, t]
            if k >= 0:
                users[ends[k]] = n * support.shape[1] + t
                ends[k] += 1


@njit(nogil=True, cache=True, fastmath=FAST)
def update_atom(dictionary, k, users, first, last, x, residual, new):
    """Atom k of dictionary (K,F), in place, with its coefficients in x (N,T), at the places users[first:last], and
    the residual (N,F). Scratch: new (F,)."""
    length, sparsity = dictionary.shape[1], x.shape[1]
    zero = dictionary.dtype.type(0)
    new[:] = 0
    energy = zero
    for u in range(first, last):
        n, t = users[u] // sparsity, users[u] % sparsity
        g = x[n, t]
        energy += g * g
        for f in range(length):
            new[f] += g * residual[n, f]
    norm2 = zero
    for f in range(length):
        new[f] += energy * dictionary[k, f]
        norm2 += new[f] * new[f]
    if not norm2 > 0:
        return
    inverse = 1 / np.sqrt(norm2)
    overlap = zero
    for f in range(length):
        new[f] *= inverse
        overlap += new[f] * dictionary[k, f]
    for u in range(first, last):
        n, t = users[u] // sparsity, users[u] % sparsity
        g = x[n, t]
        along = zero
        for f in range(length):
            along += residual[n, f] * new[f]
        along += g * overlap
        for f in range(length):
            residual[n, f] += g * dictionary[k, f] - along * new[f]
        x[n, t] = along
    for f in range(length):
        dictionary[k, f] = new[f]


@njit(nogil=True, cache=True)
def replace_atom(atom, signals, residual, serving, tolerance):
    """atom (F,) <- the signal that leaves most, normalised, of those still `serving` (N,); it serves no more. What
    leaves up to `tolerance` of its norm does not serve."""
    worst = -1
    most = 0.0
    for n in range(signals.shape[0]):
        left = norm(residual[n]) if serving[n] else 0.0
        if left > most and left > tolerance * norm(signals[n]):
            worst, most = n, left
    if worst >= 0:
        serving[worst] = False
        length = norm(signals[worst])
        for f in range(atom.shape[0]):
            atom[f] = signals[worst, f] / length


@njit(nogil=True, cache=True)
def update_block(signals, dictionary, support, x, exact, replace, tolerance):
    """The second half of a round: all atoms (K,F), in place, and the coefficients x (N,T).

    exact: True, or None, not False, so that approximate K-SVD does not compile the other branch.
    """
    residual = np.empty_like(signals)
    residual_block(signals, dictionary, support, x, residual)
    new = np.empty_like(dictionary[0])
    serving = np.ones(signals.shape[0], np.bool_)
    ends = np.empty(dictionary.shape[0], np.int64)
    users = np.empty(support.size, np.int64)
    index_users(support, ends, users)
    first = 0
    for k in range(dictionary.shape[0]):
        if ends[k] > first:
            if exact is not None:
                update_atom_exactly(dictionary, k, users, first, ends[k], x, residual)
            else:
                update_atom(dictionary, k, users, first, ends[k], x, residual, new)
        elif replace:
            replace_atom(dictionary[k], signals, residual, serving, tolerance)
        first = ends[k]


@njit(nogil=True, cache=True)
def code_block(signals, dictionary, tolerance, dependent, never, transposed, gram, scratch, support, x):
    """The first half of a round, one position: codes of signals (N,F) in support and x (N,T).

    Scratch: transposed (F,W), gram (K,W) and a pursuit's; `never` is an energy that no residual reaches.
    """
    prepare_block(dictionary, transposed, gram)
    omp_block(signals, transposed, gram, tolerance, dependent, never, None, scratch, support, x)
