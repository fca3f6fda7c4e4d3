"""The exact update of K-SVD, compiled: the definition is `ksvd.exact`, the rest of a round is `ksvd_cpu.py`.

The leading singular pair of E (n,F), the residuals of an atom's users without the atom, is computed by the Lanczos
iteration on E'E with full reorthogonalisation, restarted from its best vector until it has converged: Golub, Van
Loan, "Matrix computations", 4th edition, chapter 10. A whole singular value decomposition would compute F pairs to
use one.
"""

from __future__ import annotations

import numpy as np

from ..kernels import kernel
from ..pursuits.scratch_cpu import FAST, norm

STEPS, RESTARTS = 24, 200


@kernel(fastmath=FAST)
def times(E, count, v, u):
    """u (n,) = E v, of the first `count` rows of E."""
    for n in range(count):
        along = E.dtype.type(0)
        for f in range(v.shape[0]):
            along += E[n, f] * v[f]
        u[n] = along


@kernel(fastmath=FAST)
def times_transposed(E, count, u, w):
    """w (F,) = E' u, of the first `count` rows of E."""
    w[:] = 0
    for n in range(count):
        value = u[n]
        for f in range(w.shape[0]):
            w[f] += value * E[n, f]


@kernel(fastmath=FAST)
def normalise(v):
    """v (F,) <- v / |v|, if not zero; returns |v|."""
    length = norm(v)
    if length > 0:
        for f in range(v.shape[0]):
            v[f] /= length
    return length


@kernel
def top_pair(diagonal, beside, count, s):
    """Returns the largest eigenvalue of the symmetric tridiagonal matrix of `count` rows; s (count,) <- its unit
    vector.

    `diagonal` and `beside` hold the diagonal and the one next to it. The eigenvalue is found by bisection on the
    signs of the pivots, the vector by inverse iteration just above it, where the matrix is definite and
    elimination needs no pivoting.
    """
    low, high = diagonal[0], diagonal[0]
    for i in range(count):
        around = (beside[i - 1] if i else 0.0) + (beside[i] if i + 1 < count else 0.0)
        low, high = max(low, diagonal[i]), max(high, diagonal[i] + around)
    for _ in range(200):
        middle = 0.5 * (low + high)
        if middle <= low or middle >= high:
            break
        pivot, above = 1.0, False
        for i in range(count):
            pivot = diagonal[i] - middle - (beside[i - 1] * beside[i - 1] / pivot if i else 0.0)
            if pivot >= 0:
                above = True
                break
        if above:
            low = middle
        else:
            high = middle
    shift = high + 1e-14 * abs(high)
    pivots = np.empty(count)
    s[:count] = 1.0
    for _ in range(4):
        for i in range(count):
            pivots[i] = diagonal[i] - shift - (beside[i - 1] * beside[i - 1] / pivots[i - 1] if i else 0.0)
            pivots[i] = min(pivots[i], -1e-300)
            s[i] -= beside[i - 1] * s[i - 1] / pivots[i - 1] if i else 0.0
        for i in range(count - 1, -1, -1):
            s[i] = (s[i] - (beside[i] * s[i + 1] if i + 1 < count else 0.0)) / pivots[i]
        s[:count] /= np.sqrt(np.sum(s[:count] * s[:count]))
    return high


@kernel(fastmath=FAST)
def leading(E, count, v, u, w, basis):
    """The leading singular pair of the first `count` rows of E (n,F), from a start v (F,) that is not zero.

    v <- the right singular vector, u <- E v. Returns False if E v is zero. Scratch: w (F,), basis (STEPS,F).
    """
    steps = min(basis.shape[0], v.shape[0])
    diagonal, beside, s = np.empty(steps), np.empty(steps), np.empty(steps)
    close = 4 * np.finfo(E.dtype).eps
    normalise(v)
    for _ in range(RESTARTS):
        m = 0
        while True:
            for f in range(v.shape[0]):
                basis[m, f] = v[f]
            times(E, count, v, u)
            times_transposed(E, count, u, w)
            diagonal[m] = 0
            for f in range(v.shape[0]):
                diagonal[m] += np.float64(v[f]) * np.float64(w[f])
            for _ in range(2):
                for i in range(m + 1):
                    along = E.dtype.type(0)
                    for f in range(v.shape[0]):
                        along += basis[i, f] * w[f]
                    for f in range(v.shape[0]):
                        w[f] -= along * basis[i, f]
            beside[m] = normalise(w)
            m += 1
            if m == steps or beside[m - 1] <= close * diagonal[0]:
                break
            v[:] = w
        value = top_pair(diagonal, beside, m, s)
        if not value > 0:
            return False
        v[:] = 0
        for i in range(m):
            weight = E.dtype.type(s[i])
            for f in range(v.shape[0]):
                v[f] += weight * basis[i, f]
        normalise(v)
        if beside[m - 1] * abs(s[m - 1]) <= close * value:
            break
    times(E, count, v, u)
    return True


@kernel(fastmath=FAST)
def update_atom_exactly(dictionary, k, users, first, last, x, residual):
    """Like `ksvd_cpu.update_atom`, but with the best atom and coefficients, see `ksvd.exact`."""
    length, sparsity, count = dictionary.shape[1], x.shape[1], last - first
    rest, basis = np.empty((count, length), x.dtype), np.empty((STEPS, length), x.dtype)
    u, v, w = np.empty(count, x.dtype), np.zeros(length, x.dtype), np.empty(length, x.dtype)
    widest, most = 0, -1.0
    for i in range(count):
        n, t = users[first + i] // sparsity, users[first + i] % sparsity
        energy = 0.0
        for f in range(length):
            rest[i, f] = residual[n, f] + x[n, t] * dictionary[k, f]
            v[f] += x[n, t] * rest[i, f]
            energy += np.float64(rest[i, f]) * np.float64(rest[i, f])
        if energy > most:
            widest, most = i, energy
    if not most > 0:
        return
    # The approximate update, and a little of the row that leaves most: a start must not be orthogonal to the best.
    normalise(v)
    for f in range(length):
        v[f] += dictionary.dtype.type(0.1) * rest[widest, f] / dictionary.dtype.type(np.sqrt(most))
    if not leading(rest, count, v, u, w, basis):
        return
    along = 0.0
    for f in range(length):
        along += np.float64(v[f]) * np.float64(dictionary[k, f])
    sign = dictionary.dtype.type(-1 if along < 0 else 1)
    for f in range(length):
        dictionary[k, f] = sign * v[f]
    for i in range(count):
        n, t = users[first + i] // sparsity, users[first + i] % sparsity
        x[n, t] = sign * u[i]
        for f in range(length):
            residual[n, f] = rest[i, f] - u[i] * v[f]
