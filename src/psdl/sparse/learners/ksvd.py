"""Approximate K-SVD: the definition. Plain NumPy, dense, one position, slow.

Source: Rubinstein, Zibulevsky, Elad, "Efficient implementation of the K-SVD algorithm using batch orthogonal
matching pursuit", Technion CS-2008-08, section 4. Dictionaries here have atoms as rows, the transpose of the
report's. `ksvd_cpu.py` is the same function, compiled, with the residual kept up to date.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from psdl.sparse.pursuits.omp import omp

Array = NDArray[np.floating]


def learn(signals: Array, start: Array, sparsity: int, rounds: int) -> tuple[Array, NDArray[np.int32], Array]:
    """Dictionary (K,F) and codes: support (N,T) int32, coefficients (N,T), for signals (N,F).

    A round codes all signals by OMP, then updates the atoms one after another on the signals that use them.
    The codes returned are those that the last round's updates leave. Atoms without users stay as they are,
    and so does an atom (with its coefficients) whose update would have norm zero.
    """
    dictionary = start.astype(signals.dtype)
    support = np.full((len(signals), sparsity), -1, np.int32)
    coefficients = np.zeros((len(signals), sparsity), signals.dtype)
    for _ in range(rounds):
        support, coefficients = omp(signals, dictionary, sparsity)
        codes = dense(support, coefficients, len(dictionary))
        for k in range(len(dictionary)):
            _update(k, signals, dictionary, codes)
        used = support >= 0
        coefficients[used] = np.take_along_axis(codes, np.maximum(support, 0), 1)[used]
    return dictionary, support, coefficients


def dense(support: NDArray[np.int32], coefficients: Array, atoms: int) -> Array:
    """Codes as a dense matrix X (N,K), so that signals are X D and a residual."""
    codes = np.zeros((len(support), atoms), coefficients.dtype)
    rows, places = np.nonzero(support >= 0)
    codes[rows, support[rows, places]] = coefficients[rows, places]
    return codes


def _update(k: int, signals: Array, dictionary: Array, codes: Array) -> None:
    users = np.nonzero(codes[:, k])[0]
    if len(users) == 0:
        return
    old = dictionary[k].copy()
    dictionary[k] = 0
    rest = signals[users] - codes[users] @ dictionary
    atom = codes[users, k] @ rest
    norm = np.linalg.norm(atom)
    dictionary[k] = old
    if norm > 0:
        dictionary[k] = atom / norm
        codes[users, k] = rest @ dictionary[k]
