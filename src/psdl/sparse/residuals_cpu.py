"""What codes leave of their signals, compiled."""

from __future__ import annotations

from numba import njit

from psdl.sparse.pursuits.omp_cpu import FAST
from psdl.sparse.simd import number


@njit(nogil=True, cache=True, fastmath=FAST)
def residual_block(signals, dictionary, support, x, residual):
    """residual (n,F) <- signals - X D, of a dictionary (K,F); uint16 numbers are the bits of float16 ones."""
    for n in range(signals.shape[0]):
        for f in range(signals.shape[1]):
            residual[n, f] = signals[n, f]
        for t in range(support.shape[1]):
            k, value = support[n, t], x[n, t]
            if k >= 0:
                for f in range(signals.shape[1]):
                    residual[n, f] -= value * number(dictionary[k, f])


@njit(nogil=True, cache=True)
def residual_items(signals, dictionary, support, x, residual, first, last):
    """`residual_block` for the positions `first` up to `last` of signals (P,n,F)."""
    for p in range(first, last):
        residual_block(signals[p], dictionary[p], support[p], x[p], residual[p])
