"""Start dictionaries."""

from __future__ import annotations

import math
from typing import Any

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


def norms(signals: NDArray[Any]) -> NDArray[Any]:
    """Euclidean norms of rows (..., F) -> (..., 1), never zero."""
    lengths: NDArray[Any] = np.sqrt(np.square(signals).sum(axis=-1, keepdims=True))
    np.maximum(lengths, np.finfo(signals.dtype).tiny, out=lengths)
    return lengths


def cover(signals: NDArray[Any], count: int, left: NDArray[Any] | None = None) -> NDArray[Any]:
    """Atoms (count,F): of signals (N,F), normalised, those that in turn one atom before them codes worst.

    left (N,): the energies that an earlier dictionary leaves; the signals' own if None. count is capped at N. The
    farthest-point rule, on residuals: Gonzalez, "Clustering to minimize the maximum intercluster distance", 1985.
    """
    lengths = norms(signals)
    units = signals / lengths
    energy = np.square(lengths[:, 0])
    left = energy.copy() if left is None else left.copy()
    chosen: list[int] = []
    for _ in range(min(count, len(signals))):
        chosen.append(int(np.argmax(left)))
        np.minimum(left, energy * (1 - np.square(units @ units[chosen[-1]])), out=left)
        left[chosen[-1]] = -1
    atoms: NDArray[Any] = units[chosen]
    return atoms
