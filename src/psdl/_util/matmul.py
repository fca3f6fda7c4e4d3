"""Matrix products that stay in their thread.

OpenBLAS, which NumPy brings, gives larger ones to threads that go on spinning after a call: the cores are busy,
and the coder and the network, which have threads of their own, wait for them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LIMIT = 1 << 18  # multiplications up to which OpenBLAS starts no thread (its SMP_THRESHOLD_MIN, 65536, times 4)
ROWS = 8  # of a block at least, which keeps its products fast


def product(left: NDArray[Any], right: NDArray[Any]) -> NDArray[Any]:
    """left (..., m,k) times right (..., k,n), like np.matmul, block after block of the result. Which blocks
    depends on m, k and n alone, so that the numbers do not depend on how many products are taken at once."""
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
