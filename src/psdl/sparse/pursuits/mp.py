"""Matching pursuit: the definition. Plain NumPy, one signal at a time.

Source: Mallat, Zhang, "Matching pursuits with time-frequency dictionaries", IEEE Trans. Signal Processing 1993.
`mp_cpu.py` is the same function, compiled.
"""

from __future__ import annotations

import numpy as np

from .omp import NEVER, Array, Code, filled, stacked, stop_tolerance


def mp_signal(signal: Array, dictionary: Array, sparsity: int, enough: float = NEVER) -> Code:
    """One signal's code in at most T = `sparsity` steps.

    Each step takes the atom with the largest absolute correlation with the residual (ties go to the lower index)
    and removes the residual's part along it; nothing is coded anew, so an atom may be taken again, which adds to
    its coefficient and uses no new place.
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
    """Codes of all signals (N,F) with one dictionary (K,F): support (N,T) int32, coefficients (N,T)."""
    return stacked([mp_signal(y, dictionary, sparsity, enough) for y in signals], sparsity, signals.dtype)
