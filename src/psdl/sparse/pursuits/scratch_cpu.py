"""What the compiled pursuits share: scratch memory, norms, masks of atoms, tolerances and the solution for
coefficients."""

from __future__ import annotations

from collections import namedtuple

import numpy as np
from numba import types
from numba.extending import overload

from ..kernels import kernel
from .gram_cpu import gram_rows, start_of_line
from .step_simd import largest, most_gain

# Reassociation and fused multiply-add let the loops use vector registers; NaN and infinity keep their meaning.
FAST = {"reassoc", "contract", "arcp", "nsz"}
LAZY = 4  # how many times as long a row of a Gram matrix takes alone as with all others

Scratch = namedtuple("Scratch", "a mask rows h c left floor")
Scratch.__doc__ = """What a pursuit writes while it works on the g signals of a group, for one thread; W =
padded(K) elements a row.

a (4,W), or (TOGETHER,W) for large dictionaries: correlations; mask (g,W): integers, see `step_simd.largest`; rows
(g,T,W): correlations of all atoms with the orthonormal directions found; h (g,T,T): coordinates of the chosen
atoms in them; c (g,T): the signals'; left (g,W): what is left of the atoms' squared norms outside of them, and
floor (W,): what counts as nothing left.
"""


def integers(size, like):
    """Returns (size,) integers of the same size as the floats of `like`; only in compiled code."""
    raise NotImplementedError


@overload(integers)
def _integers(size, like):
    kind = np.int32 if like.dtype == types.float32 else np.int64
    return lambda size, like: np.empty(size, kind)


@kernel
def carved(raw, at, rows, width):
    """Returns the part (rows,width) of raw (n,) from element `at` on, and the next index after it that starts a
    cache line."""
    line, size = 64 // raw.itemsize, rows * width
    return raw[at : at + size].reshape(rows, width), at + (size + line - 1) // line * line


@kernel
def scratch(like, sparsity, width, batch, group):
    """Returns the scratch memory of one thread for T = `sparsity` and rows of W = `width` elements of the dtype of
    `like`. `batch` is the number of signals that are correlated at once, `group` the number that take their steps
    together."""
    line = 64 // like.itemsize
    size = batch * width + group * ((sparsity + 1) * width + sparsity * (sparsity + 1)) + width + 8 * line
    raw = np.empty(size, like.dtype)
    at = start_of_line(raw)
    a, at = carved(raw, at, batch, width)
    rows, at = carved(raw, at, group * sparsity, width)
    left, at = carved(raw, at, group, width)
    floor, at = carved(raw, at, 1, width)
    h, at = carved(raw, at, group * sparsity, sparsity)
    c, at = carved(raw, at, group, sparsity)
    bits = integers(group * width + 2 * line, like)
    mask, at = carved(bits, start_of_line(bits), group, width)
    rows = rows.reshape(group, sparsity, width)
    return Scratch(a, mask, rows, h.reshape(group, sparsity, sparsity), c, left, floor[0])


@kernel(fastmath=FAST)
def norm(values):
    """Returns the Euclidean norm of (F,) in float64, in which squares of float32 numbers neither overflow nor
    underflow."""
    energy = 0.0
    for f in range(values.shape[0]):
        energy += np.float64(values[f]) * np.float64(values[f])
    return np.sqrt(energy)


@kernel
def count_in(mask, atoms):
    """Lets the first `atoms` elements of each row of mask (g,W) count, and not the padding, see
    `step_simd.largest`."""
    mask[:] = 0
    mask[:, :atoms] = np.iinfo(mask.dtype).max


@kernel
def floors(squares, atoms, dependent, floor):
    """floor (W,) <- for each atom the squared norm up to which its remaining part counts as zero: `dependent`
    times squares (W,). Returns the smallest of the squared norms that is not 0."""
    floor[:] = 0
    least = np.inf
    for k in range(atoms):
        floor[k] = dependent * squares[k]
        if squares[k] > 0:
            least = min(least, np.float64(squares[k]))
    return least


@kernel
def weak(value, square, bar):
    """Returns whether a correlation `value` counts as zero. `square` is the squared norm of the atom; `bar` is the
    squared share of the signal's norm that still counts as zero."""
    return np.float64(value) * np.float64(value) <= bar * np.float64(square)


@kernel
def another(a, n, mask, s, squares, bar, least, support, u, t, gain, left, floor, scale):
    """Returns the best atom whose correlation is not `weak` when that of the best atom is, which happens if that
    atom is long and others are short; -1 if there is none.

    Afterwards mask[s] excludes the atoms support[u,:t] again. `gain` is True for ORMP's choice, else None.
    """
    found = -1
    j = largest(a, n, mask, s)
    if mask[s, j] != 0 and not weak(a[n, j], least, bar):
        for _ in range(mask.shape[1]):
            j = most_gain(a, n, mask, s, left, floor, scale) if gain is not None else largest(a, n, mask, s)
            if mask[s, j] == 0:
                break
            if not weak(a[n, j], squares[j], bar):
                found = j
                break
            mask[s, j] = 0
        mask[s] = 0
        mask[s, : squares.shape[0]] = np.iinfo(mask.dtype).max
        for m in range(t):
            mask[s, support[u, m]] = 0
    return found


@kernel(fastmath=FAST)
def solve(h, s, c, count, x, n):
    """x[n,:count] <- the solution of sum over i >= m of h[s,i,m] x[n,i] = c[s,m]; c[s] is overwritten."""
    for i in range(count - 1, -1, -1):
        value = c[s, i] / h[s, i, i]
        x[n, i] = value
        for m in range(i):
            c[s, m] -= value * h[s, i, m]


@kernel
def stretch(p, count, first, last):
    """Returns start and stop of the signals of position p among the signals `first` to `last`, counted over all
    positions with `count` signals each."""
    return max(first - p * count, 0), min(last - p * count, count)


@kernel
def own_gram(atoms, signals, sparsity):
    """Returns the Gram matrix of one position's dictionary and a flag for each row that is present. All rows are
    computed if `signals` signals of `sparsity` atoms are likely to need many of them; else none, and they are
    computed when they are needed. Both ways give the same bits."""
    dictionary, transposed, _ = atoms
    count, width = dictionary.shape[0], transposed.shape[1]
    raw = np.empty(count * width + 64, dictionary.dtype)
    at = start_of_line(raw)
    gram, known = raw[at : at + count * width].reshape(count, width), np.zeros(count, np.uint8)
    if signals * sparsity * LAZY > count:
        known[:] = 1
        gram_rows(dictionary, transposed, gram, 0, count)
    return gram, known
