"""Orthogonal matching pursuit: the definition. Plain NumPy, one signal at a time, slow.

Source: Pati, Rezaiifar, Krishnaprasad, "Orthogonal matching pursuit", Asilomar 1993; the stopping rules are
ours (the papers assume that a next atom always exists). `omp_cpu.py` is the same function, compiled.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


def stop_tolerance(dtype: np.dtype) -> float:
    """Correlations up to this share of the signal's norm count as none (64 units of rounding)."""
    return 64.0 * float(np.finfo(dtype).eps)


def dependence_tolerance(dtype: np.dtype) -> float:
    """An atom whose squared part outside the chosen atoms' span is at most this share of its squared norm
    counts as linearly dependent on them (256 units of rounding)."""
    return 256.0 * float(np.finfo(dtype).eps)


def omp_signal(signal: Array, dictionary: Array, sparsity: int) -> tuple[NDArray[np.int32], Array]:
    """One signal's code.

    signal (F,), dictionary (K,F) with atoms as rows, sparsity T >= 1. Returns support (T,) int32 in the order
    of choice, -1 where unused, and coefficients (T,), 0 where unused. Each step takes the atom with the
    largest absolute correlation with the residual (ties go to the lower index) and codes the signal anew by
    least squares on all atoms taken. It stops early when no atom correlates with the residual, or when the
    next atom depends linearly on those taken.
    """
    support = np.full(sparsity, -1, np.int32)
    coefficients = np.zeros(sparsity, signal.dtype)
    chosen: list[int] = []
    x = np.zeros(0, signal.dtype)
    residual = signal
    smallest = stop_tolerance(signal.dtype) * np.linalg.norm(signal)
    for _ in range(min(sparsity, *dictionary.shape)):
        correlation = np.abs(dictionary @ residual)
        correlation[chosen] = 0
        best = int(np.argmax(correlation))
        if correlation[best] <= smallest or _depends(dictionary[best], dictionary[chosen]):
            break
        chosen.append(best)
        x = np.linalg.lstsq(dictionary[chosen].T, signal, rcond=None)[0]
        residual = signal - x @ dictionary[chosen]
    support[: len(chosen)] = chosen
    coefficients[: len(chosen)] = x
    return support, coefficients


def _depends(atom: Array, others: Array) -> bool:
    if len(others) == 0:
        return False
    outside = atom - others.T @ np.linalg.lstsq(others.T, atom, rcond=None)[0]
    return bool(outside @ outside <= dependence_tolerance(atom.dtype) * (atom @ atom))


def omp(signals: Array, dictionary: Array, sparsity: int) -> tuple[NDArray[np.int32], Array]:
    """Codes of all signals (N,F) with one dictionary (K,F): support (N,T) int32, coefficients (N,T)."""
    codes = [omp_signal(y, dictionary, sparsity) for y in signals]
    support = np.array([c[0] for c in codes], np.int32).reshape(len(signals), sparsity)
    coefficients = np.array([c[1] for c in codes], signals.dtype).reshape(len(signals), sparsity)
    return support, coefficients
