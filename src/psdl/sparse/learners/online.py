"""Online dictionary learning: the definition of one chunk's work. Plain NumPy, dense, one position.

Source: Mairal, Bach, Ponce, Sapiro, "Online learning for matrix factorization and sparse coding", JMLR 2010, with
codes by OMP and atoms of unit norm. All that is kept of signals are two sums, so that they need not fit in memory.
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
    """The new dictionary (K,F), moments (K,K) and products (K,F) after a chunk of signals (N,F).

    The chunk is coded, X by OMP with `sparsity` atoms; moments = keep moments + X' X and products = keep products
    + X' Y; then the atoms, one after another, take the best value for those sums: what they say of the atom, less
    the other atoms' share, normalised. Atoms without weight stay, and so
    do the first `fixed`. `enough`: an energy at which a signal's code ends.
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
