"""Thresholding, the simplest pursuit: the definition. Plain NumPy, one signal at a time.

Source: Elad, "Sparse and Redundant Representations", Springer 2010, section 3.1.4. `threshold_cpu.py` is the same
function, compiled.
"""

from __future__ import annotations

import numpy as np

from .omp import Array, Code, depends, filled, least_squares, stacked, stop_tolerance


def threshold_signal(signal: Array, dictionary: Array, sparsity: int) -> Code:
    """Returns one signal's code: least squares on the T atoms that correlate most with it.

    Of these, atoms that depend linearly on better ones and atoms that do not correlate are left out.
    """
    correlation = np.abs(dictionary @ signal)
    smallest = stop_tolerance(signal.dtype) * np.linalg.norm(signal) * np.linalg.norm(dictionary, axis=1)
    chosen: list[int] = []
    for k in np.argsort(-correlation, kind="stable")[:sparsity]:
        if correlation[k] > smallest[k] and not depends(dictionary[k], dictionary[chosen]):
            chosen.append(int(k))
    x = least_squares(signal, dictionary[chosen]) if chosen else np.zeros(0, signal.dtype)
    return filled(chosen, x, sparsity)


def threshold(signals: Array, dictionary: Array, sparsity: int) -> Code:
    """Returns codes of signals (N,F) with one dictionary (K,F): support (N,T) int32, coefficients (N,T)."""
    return stacked([threshold_signal(y, dictionary, sparsity) for y in signals], sparsity, signals.dtype)
