"""What codes leave of their signals, compiled."""

from __future__ import annotations

import numpy as np

from .kernels import kernel
from .pursuits.scratch_cpu import FAST
from .simd import number


@kernel(fastmath=FAST)
def residual_row(signals, dictionary, support, x, n, residual, row):
    """residual[row] (F,) <- signals[n] - x[n] D, of a dictionary (K,F); uint16 numbers are the bits of float16
    ones."""
    for f in range(signals.shape[1]):
        residual[row, f] = signals[n, f]
    for t in range(support.shape[1]):
        k, value = support[n, t], x[n, t]
        if k >= 0:
            for f in range(signals.shape[1]):
                residual[row, f] -= value * number(dictionary[k, f])


@kernel
def residual_block(signals, dictionary, support, x, residual):
    """residual (n,F) <- signals - X D."""
    for n in range(signals.shape[0]):
        residual_row(signals, dictionary, support, x, n, residual, n)


@kernel
def residual_items(signals, dictionary, support, x, residual, first, last):
    """`residual_block` for the signals `first` up to `last` of signals (P,N,F), position after position."""
    count = max(1, signals.shape[1])
    for i in range(first, last):
        p, n = i // count, i % count
        residual_row(signals[p], dictionary[p], support[p], x[p], n, residual[p], n)


@kernel(fastmath=FAST)
def residual_norm_items(signals, dictionary, support, x, norms, first, last):
    """norms (P,N) <- the norms of the residuals of the signals `first` up to `last` of signals (P,N,F)."""
    row = np.empty((1, signals.shape[2]), signals.dtype)
    count = max(1, signals.shape[1])
    for i in range(first, last):
        p, n = i // count, i % count
        residual_row(signals[p], dictionary[p], support[p], x[p], n, row, 0)
        energy = row.dtype.type(0)
        for f in range(row.shape[1]):
            energy += row[0, f] * row[0, f]
        norms[p, n] = np.sqrt(energy)
