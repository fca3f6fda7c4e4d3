"""K-SVD, approximate and exact: the definition. Plain NumPy, dense, one position, slow.

Sources: Aharon, Elad, Bruckstein, "K-SVD: an algorithm for designing overcomplete dictionaries for sparse
representation", IEEE Trans. Signal Processing 2006 (exact; replacement of atoms); Rubinstein, Zibulevsky, Elad,
"Efficient implementation of the K-SVD algorithm using batch orthogonal matching pursuit", Technion CS-2008-08,
section 4 (approximate). Dictionaries here have atoms as rows, the transpose of theirs. `ksvd_cpu.py` is the
compiled approximate update and `exact_cpu.py` the exact one; both keep the residual up to date.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..pursuits.omp import NEVER, omp, stop_tolerance

Array = NDArray[np.floating]
ALIKE = 0.99  # |cosine| from which two atoms are one
FEW = 1 / 6  # of the mean number of users, below which an atom has few
Update = Callable[[Array, Array, Array], tuple[Array, Array]]


def approximate(rest: Array, old: Array, g: Array) -> tuple[Array, Array]:
    """Returns a new atom (F,) and its coefficients (n,) by one step of the power iteration from the old ones.
    `rest` (n,F) are the residuals of the atom's n users without the atom. Atom and coefficients stay if the new
    atom's norm is zero."""
    atom = g @ rest
    norm = np.linalg.norm(atom)
    return (atom / norm, rest @ (atom / norm)) if norm > 0 else (old, g)


def exact(rest: Array, old: Array, g: Array) -> tuple[Array, Array]:
    """Returns the best atom (F,) and its coefficients (n,): the leading singular pair of `rest` (n,F), with the
    sign that keeps the atom near the old one. Arguments are those of `approximate`."""
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
    replace: bool = True,
    fixed: int = 0,
    enough: float = NEVER,
) -> tuple[Array, NDArray[np.int32], Array]:
    """Returns the dictionary (K,F) and the codes, support (N,T) int32 and coefficients (N,T), of signals (N,F).

    A round codes all signals by OMP, to `sparsity` atoms or to the energy `enough`, then updates the atoms after
    the first `fixed` one after another on the signals that use them. The codes returned are those after the
    updates of the last round. With `replace`, atoms are replaced between rounds, see `replaced`; else atoms
    without users stay as they are.
    """
    dictionary = start.astype(signals.dtype)
    support = np.full((len(signals), sparsity), -1, np.int32)
    coefficients = np.zeros((len(signals), sparsity), signals.dtype)
    for done in range(rounds):
        if replace and done:
            replaced(signals, dictionary, support, dense(support, coefficients, len(dictionary)), fixed)
        support, coefficients = omp(signals, dictionary, sparsity, enough)
        codes = dense(support, coefficients, len(dictionary))
        for k in range(fixed, len(dictionary)):
            if codes[:, k].any():
                _update(k, signals, dictionary, codes, update)
        used = support >= 0
        coefficients[used] = np.take_along_axis(codes, np.maximum(support, 0), 1)[used]
    return dictionary, support, coefficients


def few(support: NDArray[np.int32], atoms: int) -> int:
    """Returns the number of users below which an atom has few: a sixth of the atoms' mean number of users, and at
    least 1. (The K-SVD paper replaces atoms with fewer than 4 users; in its experiment a sixth finds 48.5 of 50
    atoms where 4 finds 47.)"""
    return max(1, int((support >= 0).sum() / atoms * FEW))


def replaced(signals: Array, dictionary: Array, support: NDArray[np.int32], codes: Array, fixed: int = 0) -> None:
    """Replaces atoms after the first `fixed`, in place, that have fewer than `few` users or whose |cosine| with
    another atom exceeds ALIKE: each becomes the signal that is coded worst, normalised.

    No signal is used twice, and none whose residual is only rounding.
    """
    norms = np.linalg.norm(signals, axis=1)
    left = np.linalg.norm(signals - codes @ dictionary, axis=1)
    left[left <= stop_tolerance(signals.dtype) * norms] = 0
    users = np.bincount(support[support >= 0], minlength=len(dictionary))
    for k in range(fixed, len(dictionary)):
        cosines = np.abs(np.delete(dictionary, k, axis=0) @ dictionary[k])
        if users[k] >= few(support, len(dictionary)) and cosines.max(initial=0) <= ALIKE:
            continue
        worst = int(np.argmax(left))
        if left[worst] == 0:
            return
        dictionary[k] = signals[worst] / norms[worst]
        left[worst] = 0


def dense(support: NDArray[np.int32], coefficients: Array, atoms: int) -> Array:
    """Returns codes as a dense matrix X (N,K), so that signals are X D plus a residual."""
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
