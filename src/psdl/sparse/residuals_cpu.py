"""What codes leave of their signals, compiled."""

from __future__ import annotations

from numba import njit

from psdl.sparse.pursuits.omp_cpu import FAST
from psdl.sparse.simd import number


@njit(nogil=True, cache=True, fastmath=FAST)
def residual_block(signals, dictionary, support, x, residual):
    """residual (n,F) <- signals - X D, of a dictionary (K,F)."""
    for n in range(signals.shape[0]):
        row = residual[n]
        row[:] = signals[n]
        for t in range(support.shape[1]):
            if support[n, t] >= 0:
                atom = dictionary[support[n, t]]
                value = x[n, t]
                for f in range(row.shape[0]):
                    row[f] -= value * atom[f]


@njit(nogil=True, cache=True)
def residual_items(signals, dictionary, support, x, residual, first, last):
    """`residual_block` for the positions `first` up to `last` of signals (P,n,F)."""
    for p in range(first, last):
        residual_block(signals[p], dictionary[p], support[p], x[p], residual[p])


@njit(nogil=True, cache=True, fastmath=FAST)
def residual_columns(signals, transposed, support, x, residual, first, last):
    """`residual_items` from dictionaries transposed (P,F,W), float16 ones given by their bits."""
    for p in range(first, last):
        columns = transposed[p]
        for n in range(signals.shape[1]):
            row = residual[p, n]
            row[:] = signals[p, n]
            for t in range(support.shape[2]):
                j = support[p, n, t]
                if j >= 0:
                    for f in range(row.shape[0]):
                        row[f] -= x[p, n, t] * number(columns[f, j])
