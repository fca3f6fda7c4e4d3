"""Start dictionaries."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from psdl.sparse.errors import SparseError


def dct(length: int) -> NDArray[np.float64]:
    """The unitary 2-D DCT: (F,F) float64, atoms are rows of unit norm.

    length F must be a square d * d; raises SparseError otherwise. The dictionary is kron(C, C) with
    C[k,i] = sqrt(2/d) cos((i + 1/2) k pi / d), row 0 divided by sqrt 2 (the DCT-II).
    """
    side = math.isqrt(length)
    if length < 1 or side * side != length:
        raise SparseError(f"a DCT start needs a square signal length, not {length}: use {max(1, side * side)}")
    k, i = np.mgrid[:side, :side]
    basis = np.sqrt(2 / side) * np.cos((i + 0.5) * k * np.pi / side)
    basis[0] /= np.sqrt(2)
    return np.ascontiguousarray(np.kron(basis.T, basis.T).T)
