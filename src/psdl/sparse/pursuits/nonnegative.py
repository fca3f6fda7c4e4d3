"""Non-negative orthogonal matching pursuit: the definition. Plain NumPy, one signal at a time.

Source: Bruckstein, Elad, Zibulevsky, "On the uniqueness of nonnegative sparse solutions to underdetermined systems
of equations", IEEE Trans. Information Theory 2008, section IV; non-negative least squares: Lawson, Hanson,
"Solving least squares problems", 1974, chapter 23. `nonnegative_cpu.py` is the same function, compiled.
"""

from __future__ import annotations

import numpy as np

from .omp import NEVER, Array, Code, depends, filled, least_squares, stacked, stop_tolerance


def nonnegative_least_squares(signal: Array, atoms: Array) -> Array:
    """Returns the coefficients (t,) >= 0 of atoms (t,F) that approximate the signal (F,) best (Lawson, Hanson
    1974)."""
    count = len(atoms)
    x, free = np.zeros(count, signal.dtype), np.zeros(count, bool)
    bar = stop_tolerance(signal.dtype) * np.linalg.norm(signal) * np.linalg.norm(atoms, axis=1)
    for _ in range(3 * count):
        gain = atoms @ (signal - x @ atoms)
        gain[free | (gain <= bar)] = 0
        if not gain.any():
            break
        free[np.argmax(gain)] = True
        while True:
            wanted = np.zeros(count, signal.dtype)
            wanted[free] = least_squares(signal, atoms[free])
            below = free & (wanted <= 0)
            if not below.any():
                break
            share = np.min(x[below] / (x[below] - wanted[below]))
            x = x + share * (wanted - x)
            free &= x > 0
            x[~free] = 0
        x = wanted
    return x


def nonnegative_signal(signal: Array, dictionary: Array, sparsity: int, enough: float = NEVER) -> Code:
    """Returns one signal's code like `omp.omp_signal`, but each step chooses the atom with the largest positive
    correlation, and coefficients are positive. An atom whose coefficient becomes 0 leaves the code and is not
    chosen again."""
    chosen: list[int] = []
    taken = np.zeros(len(dictionary), bool)
    x = np.zeros(0, signal.dtype)
    residual = signal
    smallest = stop_tolerance(signal.dtype) * np.linalg.norm(signal) * np.linalg.norm(dictionary, axis=1)
    while len(chosen) < min(sparsity, *dictionary.shape) and residual @ residual > enough:
        correlation = dictionary @ residual
        correlation[taken | (correlation <= smallest)] = 0
        best = int(np.argmax(correlation))
        if correlation[best] == 0 or depends(dictionary[best], dictionary[chosen]):
            break
        taken[best] = True
        chosen.append(best)
        x = nonnegative_least_squares(signal, dictionary[chosen])
        chosen, x = [k for k, value in zip(chosen, x, strict=True) if value > 0], x[x > 0]
        residual = signal - x @ dictionary[chosen]
    return filled(chosen, x, sparsity)


def nonnegative(signals: Array, dictionary: Array, sparsity: int, enough: float = NEVER) -> Code:
    """Returns codes of signals (N,F) with one dictionary (K,F): support (N,T) int32, coefficients (N,T)."""
    codes = [nonnegative_signal(y, dictionary, sparsity, enough) for y in signals]
    return stacked(codes, sparsity, signals.dtype)
