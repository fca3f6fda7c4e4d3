"""Weighted orthogonal matching pursuit, for inpainting too: the definition. Plain NumPy, one signal at a time.

Source: Mairal, Elad, Sapiro, "Sparse representation for color image restoration", IEEE Trans. Image Processing
2008, section IV: the norm of the residual is weighted, and atoms are compared after normalisation in the weighted
norm. `weighted_cpu.py` is the same function, compiled.
"""

from __future__ import annotations

import numpy as np

from .omp import NEVER, Array, Code, dependence_tolerance, omp_signal, stacked


def weighted_signal(
    signal: Array, weights: Array, dictionary: Array, sparsity: int, enough: float = NEVER
) -> Code:
    """Returns one signal's code: OMP of sqrt(w) y with the atoms sqrt(w) d, normalised. The coefficients are for
    the atoms d as given. Atoms of which the weights leave only rounding are not chosen."""
    root = np.sqrt(weights)
    seen = dictionary * root
    squares = np.square(seen).sum(axis=1)
    whole = np.square(dictionary).sum(axis=1) * weights.max(initial=0)
    there = squares > dependence_tolerance(signal.dtype) * whole
    norms = np.sqrt(np.where(there, squares, 1))
    units = np.where(there[:, None], seen / norms[:, None], 0)
    support, x = omp_signal(np.where(weights > 0, signal, 0) * root, units, sparsity, enough)
    return support, np.where(support >= 0, x / norms[support], 0)


def weighted(signals: Array, weights: Array, dictionary: Array, sparsity: int, enough: float = NEVER) -> Code:
    """Returns codes of signals (N,F) with weights (N,F) and one dictionary (K,F): support (N,T) int32,
    coefficients (N,T)."""
    pairs = zip(signals, weights, strict=True)
    codes = [weighted_signal(y, w, dictionary, sparsity, enough) for y, w in pairs]
    return stacked(codes, sparsity, signals.dtype)
