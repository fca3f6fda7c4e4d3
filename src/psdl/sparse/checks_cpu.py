"""Checks of whole arrays, compiled: one pass at the speed of memory, without temporary arrays."""

from __future__ import annotations

import numpy as np

from .kernels import kernel


@kernel
def largest_value(bits, like):
    """Returns the largest magnitude of floats given by their bits (n,) as integers, of the dtype of `like`; 0 if
    there are none.

    Without the sign bit, the bits of floats are ordered like integers, with infinity and NaN on top. Maxima of
    integers are vectorised, those of floats are not.
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
    """rows (P,N) <- the largest magnitude of each row of floats; both rows and bits (P,N,F) hold floats as
    integers by their bits. Returns the smallest of these that is not 0, and the largest; the largest integer and 0
    if there are none."""
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
    """Returns the largest number of places that a code of support (P,N,T) uses; places are used from the first
    on."""
    width = 0
    for p in range(support.shape[0]):
        for n in range(support.shape[1]):
            while width < support.shape[2] and support[p, n, width] >= 0:
                width += 1
    return width
