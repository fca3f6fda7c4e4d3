"""Exact K-SVD: the second half of a round, with the residual kept up to date; the definition is `ksvd.exact`.

An atom costs the singular value decomposition of what its users leave, by LAPACK: about ten times an approximate
update.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from psdl.sparse.learners.ksvd import Array, exact
from psdl.sparse.learners.ksvd_cpu import replace_atom
from psdl.sparse.pursuits.omp import stop_tolerance


def update(
    signals: Array, dictionary: Array, support: NDArray[np.int32], x: Array, residual: Array, replace: bool
) -> None:
    """All atoms (K,F), in place, and the coefficients x (N,T), from signals (N,F) and their residual (N,F)."""
    serving = np.ones(len(signals), bool)
    for k in range(len(dictionary)):
        n, t = np.nonzero(support == k)
        if len(n):
            old, g = dictionary[k].copy(), x[n, t]
            rest = residual[n] + g[:, None] * old
            dictionary[k], x[n, t] = exact(rest, old, g)
            residual[n] = rest - x[n, t][:, None] * dictionary[k]
        elif replace:
            replace_atom(dictionary[k], signals, residual, serving, stop_tolerance(signals.dtype))
