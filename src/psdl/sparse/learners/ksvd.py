"""K-SVD, approximate and exact: the definition. Plain NumPy, dense, one position, slow.

Sources: Aharon, Elad, Bruckstein, "K-SVD: an algorithm for designing overcomplete dictionaries for sparse
representation", IEEE Trans. Signal Processing 2006 (exact; replacement of unused atoms); Rubinstein, Zibulevsky,
Elad, "Efficient implementation of the K-SVD algorithm using batch orthogonal matching pursuit", Technion
CS-2008-08, section 4 (approximate). Dictionaries here have atoms as rows, the transpose of theirs. `ksvd_cpu.py`
is the approximate one, compiled, and `exact.py` the exact one, both with the residual kept up to date.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from psdl.sparse.pursuits.omp import omp, stop_tolerance

Array = NDArray[np.floating]
Update = Callable[[Array, Array, Array], tuple[Array, Array]]


def approximate(rest: Array, old: Array, g: Array) -> tuple[Array, Array]:
    """A new atom (F,) and its coefficients (n,) for what its n users leave without it, rest (n,F): one step of the
    power iteration from the old ones. Atom and coefficients stay if the step's norm is zero."""
    atom = g @ rest
    norm = np.linalg.norm(atom)
    return (atom / norm, rest @ (atom / norm)) if norm > 0 else (old, g)


def exact(rest: Array, old: Array, g: Array) -> tuple[Array, Array]:
    """As `approximate`, but the best atom and coefficients there are: the leading singular pair of rest (n,F),
    with the sign that keeps the atom near the old one."""
    left, values, right = np.linalg.svd(rest, full_matrices=False)
    if not values[0] > 0:
        return old, g
    sign = -1 if right[0] @ old < 0 else 1
    return sign * right[0], sign * values[0] * left[:, 0]


def learn(
    signals: Array,
    start: Array,
    sparsity: int,
    rounds: int,
    update: Update = approximate,
    replace: bool = False,
) -> tuple[Array, NDArray[np.int32], Array]:
    """Dictionary (K,F) and codes: support (N,T) int32, coefficients (N,T), for signals (N,F).

    A round codes all signals by OMP, then updates the atoms one after another on the signals that use them.
    The codes returned are those that the last round's updates leave. Atoms without users stay as they are, or,
    with `replace`, become the signal that is coded worst at that moment, normalised; no signal serves twice in a
    round, and none that is coded but for rounding.
    """
    dictionary = start.astype(signals.dtype)
    support = np.full((len(signals), sparsity), -1, np.int32)
    coefficients = np.zeros((len(signals), sparsity), signals.dtype)
    for _ in range(rounds):
        support, coefficients = omp(signals, dictionary, sparsity)
        codes = dense(support, coefficients, len(dictionary))
        serving = np.ones(len(signals), bool)
        for k in range(len(dictionary)):
            if codes[:, k].any():
                _update(k, signals, dictionary, codes, update)
            elif replace:
                _replace(k, signals, dictionary, codes, serving)
        used = support >= 0
        coefficients[used] = np.take_along_axis(codes, np.maximum(support, 0), 1)[used]
    return dictionary, support, coefficients


def dense(support: NDArray[np.int32], coefficients: Array, atoms: int) -> Array:
    """Codes as a dense matrix X (N,K), so that signals are X D and a residual."""
    codes = np.zeros((len(support), atoms), coefficients.dtype)
    rows, places = np.nonzero(support >= 0)
    codes[rows, support[rows, places]] = coefficients[rows, places]
    return codes


def _update(k: int, signals: Array, dictionary: Array, codes: Array, update: Update = approximate) -> None:
    users = np.nonzero(codes[:, k])[0]
    old, g = dictionary[k].copy(), codes[users, k]
    dictionary[k] = 0
    rest = signals[users] - codes[users] @ dictionary
    dictionary[k], codes[users, k] = update(rest, old, g)


def _replace(k: int, signals: Array, dictionary: Array, codes: Array, serving: NDArray[np.bool_]) -> None:
    norms = np.linalg.norm(signals, axis=1)
    left = np.where(serving, np.linalg.norm(signals - codes @ dictionary, axis=1), 0)
    worst = int(np.argmax(np.where(left > stop_tolerance(signals.dtype) * norms, left, 0)))
    if left[worst] > stop_tolerance(signals.dtype) * norms[worst]:
        dictionary[k] = signals[worst] / norms[worst]
        serving[worst] = False
