"""K-SVD, compiled: the same function as `ksvd.py`, one position on one thread; the approximate update is here.

With the residual R = Y - X D at hand, the rest without atom k is R + g d_old', so that an update costs
O(|w| F) for its |w| users instead of a dense product:

    d = R' g + (g' g) d_old,  d <- d / |d|;    g_new = R d + g (d_old' d);    R += g d_old' - g_new d'
"""

from __future__ import annotations

import numpy as np

from ..kernels import kernel
from ..pursuits.gram_cpu import gram_rows, start_of_line, transpose
from ..pursuits.scratch_cpu import FAST, norm
from ..residuals_cpu import residual_block
from .exact_cpu import update_atom_exactly


@kernel
def index_users(support, ends, users):
    """Lists, atom after atom, the indices n * T + t in `support` (N,T) at which the atom is used.

    The indices of atom k are users[ends[k-1]:ends[k]] (from 0 for the first atom), ascending in n.
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


@kernel(fastmath=FAST)
def update_atom(dictionary, k, users, first, last, x, residual, new):
    """Updates atom k of dictionary (K,F) in place, with its coefficients in x (N,T), at the indices
    users[first:last], and the residual (N,F). Scratch: new (F,)."""
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


@kernel
def update_block(signals, dictionary, support, x, residual, fixed, exact):
    """The second half of a round: updates all atoms (K,F) after the first `fixed`, in place, and the coefficients
    x (N,T).

    residual (N,F) <- the residuals after that; returns their total energy. `exact` is True, or None (not False),
    so that approximate K-SVD does not compile the other branch.
    """
    residual_block(signals, dictionary, support, x, residual)
    new = np.empty_like(dictionary[0])
    ends = np.empty(dictionary.shape[0], np.int64)
    users = np.empty(support.size, np.int64)
    index_users(support, ends, users)
    for k in range(fixed, dictionary.shape[0]):
        first = ends[k - 1] if k > 0 else 0
        if ends[k] > first:
            if exact is not None:
                update_atom_exactly(dictionary, k, users, first, ends[k], x, residual)
            else:
                update_atom(dictionary, k, users, first, ends[k], x, residual, new)
    energy = 0.0
    for n in range(residual.shape[0]):
        left = norm(residual[n])
        energy += left * left
    return energy


@kernel
def worst_coded(signals, residual, serving, tolerance):
    """Returns the index of the signal (N,F) with the largest residual among those with `serving` (N,) true, and
    sets it to false there; -1 if no residual exceeds `tolerance` times the norm of its signal."""
    worst, most = -1, 0.0
    for n in range(signals.shape[0]):
        if serving[n]:
            left = norm(residual[n])
            if left > most and left > tolerance * norm(signals[n]):
                worst, most = n, left
    if worst >= 0:
        serving[worst] = False
    return worst


@kernel
def replace_block(signals, dictionary, support, residual, fixed, rule, tolerance):
    """The end of a round: replaces atoms of dictionary (K,F) after the first `fixed` that resemble another one or
    have few users by signals that are coded worst, see `ksvd.replaced`. `rule` holds the cosine above which atoms
    are alike and the number of users below which they are few."""
    alike, few = rule
    count, length = dictionary.shape
    width = (count + 15) // 16 * 16
    raw = np.empty((count + length) * width + 64, dictionary.dtype)
    at = start_of_line(raw)
    columns = raw[at : at + length * width].reshape(length, width)
    gram = raw[at + length * width : at + (length + count) * width].reshape(count, width)
    transpose(dictionary, columns)
    gram_rows(dictionary, columns, gram, 0, count)
    ends, users = np.empty(count, np.int64), np.empty(support.size, np.int64)
    index_users(support, ends, users)
    serving = np.ones(signals.shape[0], np.bool_)
    for k in range(fixed, count):
        nearest = 0.0
        for j in range(count):
            if j != k:
                nearest = max(nearest, abs(np.float64(gram[k, j])))
        used = ends[k] - (ends[k - 1] if k > 0 else 0)
        if used >= few and nearest <= alike:
            continue
        worst = worst_coded(signals, residual, serving, tolerance)
        if worst < 0:
            return
        size = norm(signals[worst])
        for f in range(length):
            dictionary[k, f] = signals[worst, f] / size
        for j in range(count):
            along = dictionary.dtype.type(0)
            for f in range(length):
                along += dictionary[j, f] * dictionary[k, f]
            gram[k, j], gram[j, k] = along, along
