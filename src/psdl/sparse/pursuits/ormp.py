"""Order-recursive matching pursuit, also called optimised OMP: the definition. Plain NumPy, slow.

Source: Natarajan, "Sparse approximate solutions to linear systems", SIAM J. Computing 1995; Rebollo-Neira, Lowe,
"Optimized orthogonal matching pursuit approach", IEEE Signal Processing Letters 2002. `omp_cpu.py` is the same
function, compiled: only the choice of the next atom differs from OMP's.
"""

from __future__ import annotations

import numpy as np

from .omp import NEVER, Array, Code, depends, greedy, outside, stacked


def ormp_signal(signal: Array, dictionary: Array, sparsity: int, enough: float = NEVER) -> Code:
    """Returns one signal's code like `omp.omp_signal`, but each step chooses the atom that reduces the residual's
    energy most.

    This is the atom with the largest squared correlation divided by its squared part outside the span of those
    chosen.
    """

    def choose(correlation: Array, chosen: list[int]) -> int:
        gain = np.zeros(len(correlation))
        for k in range(len(dictionary)):
            if k not in chosen and not depends(dictionary[k], dictionary[chosen]):
                left = outside(dictionary[k], dictionary[chosen])
                gain[k] = correlation[k] ** 2 / left if left > 0 else 0
        return int(np.argmax(gain))

    return greedy(signal, dictionary, sparsity, enough, choose)


def ormp(signals: Array, dictionary: Array, sparsity: int, enough: float = NEVER) -> Code:
    """Returns codes of signals (N,F) with one dictionary (K,F): support (N,T) int32, coefficients (N,T)."""
    return stacked([ormp_signal(y, dictionary, sparsity, enough) for y in signals], sparsity, signals.dtype)
