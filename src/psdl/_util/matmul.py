"""Matrix products that run in the calling thread.

OpenBLAS, which NumPy brings, spreads larger products over threads that keep spinning after a call. The coder and
the network, which have threads of their own, then wait for the cores.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LIMIT = 1 << 18  # multiplications up to which OpenBLAS starts no thread (its SMP_THRESHOLD_MIN, 65536, times 4)
ROWS = 8  # smallest number of rows of a block, for speed


def product(left: NDArray[Any], right: NDArray[Any]) -> NDArray[Any]:
    """Returns the product of `left` (...,m,k) and `right` (...,k,n), like np.matmul, computed in blocks of the
    result. The blocks depend on m, k and n alone, so that a result does not depend on how many products are
    computed at once."""
    m, k, n = left.shape[-2], left.shape[-1], right.shape[-1]
    if m * k * n <= LIMIT:
        return np.asarray(np.matmul(left, right))
    columns = min(n, max(1, LIMIT // (k * min(m, ROWS))))
    rows = min(m, max(1, LIMIT // (k * columns)))
    leading = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    out = np.empty((*leading, m, n), np.result_type(left, right))
    for top in range(0, m, rows):
        for first in range(0, n, columns):
            block = np.matmul(left[..., top : top + rows, :], right[..., first : first + columns])
            out[..., top : top + rows, first : first + columns] = block
    return out
