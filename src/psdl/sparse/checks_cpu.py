"""Whole-array checks, compiled: one pass at the memory's speed and no temporary array."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def largest_bits(bits):
    """The largest of floats' magnitudes, floats and result given as integers by their bits, (n,); 0 if there are
    none.

    Without its sign bit a float's bits order as an integer, with infinity and NaN on top; and maxima of integers
    are vectorised, those of floats are not.
    """
    sign_off = bits.dtype.type(np.iinfo(bits.dtype).max)
    top = bits.dtype.type(0)
    for i in range(bits.shape[0]):
        top = max(top, bits[i] & sign_off)
    return top
