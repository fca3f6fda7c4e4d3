"""Online dictionary learning: the definition of what one chunk changes. Plain NumPy, dense, one position.

Source: Mairal, Bach, Ponce, Sapiro, "Online learning for matrix factorization and sparse coding", JMLR 2010, with
codes by OMP and atoms of unit norm. Two sums are all that is kept of the signals, so they need not fit in memory.
`online_cpu.py` is the same function, compiled.
"""

from __future__ import annotations

import numpy as np

from ..pursuits.omp import NEVER, omp
from .ksvd import Array, dense


def absorb(
    signals: Array,
    dictionary: Array,
    moments: Array,
    products: Array,
    sparsity: int,
    keep: float,
    fixed: int = 0,
    enough: float = NEVER,
) -> tuple[Array, Array, Array]:
    """Returns the new dictionary (K,F), moments (K,K) and products (K,F) after a chunk of signals (N,F).

    The chunk Y is coded as X by OMP with `sparsity` atoms, or fewer at the energy `enough`. Then moments = keep
    moments + X' X and products = keep products + X' Y. Last, each atom in turn is set to the minimiser for these
    sums with all other atoms fixed, and normalised. Atoms without weight and the first `fixed` atoms do not
    change.
    """
    support, coefficients = omp(signals, dictionary, sparsity, enough)
    X = dense(support, coefficients, len(dictionary))
    moments = keep * moments + X.T @ X
    products = keep * products + X.T @ signals
    dictionary = dictionary.copy()
    for k in range(fixed, len(dictionary)):
        atom = products[k] - moments[k] @ dictionary + moments[k, k] * dictionary[k]
        norm = np.linalg.norm(atom)
        if moments[k, k] > 0 and norm > 0:
            dictionary[k] = atom / norm
    return dictionary, moments, products
