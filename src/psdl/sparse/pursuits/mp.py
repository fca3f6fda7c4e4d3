"""Matching pursuit: the definition. Plain NumPy, one signal at a time.

Source: Mallat, Zhang, "Matching pursuits with time-frequency dictionaries", IEEE Trans. Signal Processing 1993.
`mp_cpu.py` is the same function, compiled.
"""

from __future__ import annotations

import numpy as np

from .omp import NEVER, Array, Code, filled, stacked, stop_tolerance


def mp_signal(signal: Array, dictionary: Array, sparsity: int, enough: float = NEVER) -> Code:
    """Returns one signal's code after at most T = `sparsity` steps.

    Each step chooses the atom with the largest absolute correlation with the residual (of equal ones, that with
    the lower index) and subtracts the residual's part along it. Earlier coefficients are not computed again. So an
    atom may be chosen again, which adds to its coefficient and uses no new place.
    """
    x: dict[int, float] = {}
    residual = signal
    smallest = stop_tolerance(signal.dtype) * np.linalg.norm(signal) * np.linalg.norm(dictionary, axis=1)
    for _ in range(sparsity):
        correlation = dictionary @ residual
        correlation[np.abs(correlation) <= smallest] = 0
        best = int(np.argmax(np.abs(correlation)))
        if residual @ residual <= enough or correlation[best] == 0:
            break
        value = correlation[best] / (dictionary[best] @ dictionary[best])
        x[best] = x.get(best, 0) + value
        residual = residual - value * dictionary[best]
    return filled(list(x), np.array(list(x.values()), signal.dtype), sparsity)


def mp(signals: Array, dictionary: Array, sparsity: int, enough: float = NEVER) -> Code:
    """Returns codes of signals (N,F) with one dictionary (K,F): support (N,T) int32, coefficients (N,T)."""
    return stacked([mp_signal(y, dictionary, sparsity, enough) for y in signals], sparsity, signals.dtype)
