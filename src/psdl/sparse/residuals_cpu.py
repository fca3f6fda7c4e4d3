"""The residuals of codes and their norms, compiled."""

from __future__ import annotations

import numpy as np

from .kernels import kernel
from .pursuits.scratch_cpu import FAST
from .simd import number


@kernel(fastmath=FAST)
def residual_row(signals, dictionary, support, x, n, residual, row):
    """residual[row] (F,) <- signals[n] - x[n] D for a dictionary (K,F). If it is of uint16, it holds the bits of
    float16 numbers."""
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
    """Like `residual_block` for the signals `first` to `last` (exclusive) of signals (P,N,F), counted over all
    positions."""
    count = max(1, signals.shape[1])
    for i in range(first, last):
        p, n = i // count, i % count
        residual_row(signals[p], dictionary[p], support[p], x[p], n, residual[p], n)


@kernel(fastmath=FAST)
def residual_norm_items(signals, dictionary, support, x, norms, first, last):
    """norms (P,N) <- the norms of the residuals of the signals `first` to `last` (exclusive) of signals
    (P,N,F)."""
    row = np.empty((1, signals.shape[2]), signals.dtype)
    count = max(1, signals.shape[1])
    for i in range(first, last):
        p, n = i // count, i % count
        residual_row(signals[p], dictionary[p], support[p], x[p], n, row, 0)
        energy = row.dtype.type(0)
        for f in range(row.shape[1]):
            energy += row[0, f] * row[0, f]
        norms[p, n] = np.sqrt(energy)
