"""Whole-array checks, compiled: one pass at the memory's speed and no temporary array."""

from __future__ import annotations

import numpy as np

from .kernels import kernel


@kernel
def largest_value(bits, like):
    """The largest magnitude of floats of the dtype of `like`, given as integers by their bits (n,); 0 if there are
    none.

    Without its sign bit a float's bits order as an integer, with infinity and NaN on top; and maxima of integers
    are vectorised, those of floats are not.
    """
    sign_off = bits.dtype.type(np.iinfo(bits.dtype).max)
    top = np.zeros(1, bits.dtype)
    most = bits.dtype.type(0)
    for i in range(bits.shape[0]):
        most = max(most, bits[i] & sign_off)
    top[0] = most
    return np.float64(top.view(like.dtype)[0])


@kernel
def row_bits(bits, rows):
    """rows (P,N) <- the largest magnitude of each row of floats, both given by their bits, bits (P,N,F); returns
    the smallest of those that are not 0 and the largest: the largest integer and 0 if there are none."""
    sign_off = bits.dtype.type(np.iinfo(bits.dtype).max)
    low, high = sign_off, bits.dtype.type(0)
    for p in range(bits.shape[0]):
        for n in range(bits.shape[1]):
            top = bits.dtype.type(0)
            for f in range(bits.shape[2]):
                top = max(top, bits[p, n, f] & sign_off)
            rows[p, n] = top
            high = max(high, top)
            if top > 0:
                low = min(low, top)
    return low, high


@kernel(fastmath={"reassoc", "contract", "nsz"})
def energies(signals, out):
    """out (P,N) float64 <- the squared norms of signals (P,N,F)."""
    for p in range(signals.shape[0]):
        for n in range(signals.shape[1]):
            energy = 0.0
            for f in range(signals.shape[2]):
                energy += np.float64(signals[p, n, f]) * np.float64(signals[p, n, f])
            out[p, n] = energy


@kernel
def widest(support):
    """The most places that a code of support (P,N,T) uses; those used come first."""
    width = 0
    for p in range(support.shape[0]):
        for n in range(support.shape[1]):
            while width < support.shape[2] and support[p, n, width] >= 0:
                width += 1
    return width
