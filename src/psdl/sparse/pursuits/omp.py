"""Orthogonal matching pursuit: the definition. Plain NumPy, one signal at a time, slow.

Source: Pati, Rezaiifar, Krishnaprasad, "Orthogonal matching pursuit", Asilomar 1993; the stopping rules are
ours (the papers assume that a next atom always exists). `omp_cpu.py` is the same function, compiled, and
`direct_cpu.py` once more, without a Gram matrix.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
Code = tuple[NDArray[np.int32], Array]
NEVER = -1.0  # an energy that no residual reaches


def stop_tolerance(dtype: np.dtype) -> float:
    """Correlations up to this share of the signal's norm times the atom's count as none (64 units of rounding)."""
    return 64.0 * float(np.finfo(dtype).eps)


def dependence_tolerance(dtype: np.dtype) -> float:
    """An atom whose squared part outside the chosen atoms' span is at most this share of its squared norm
    counts as linearly dependent on them (256 units of rounding)."""
    return 256.0 * float(np.finfo(dtype).eps)


def omp_signal(signal: Array, dictionary: Array, sparsity: int, enough: float = NEVER) -> Code:
    """One signal's code.

    signal (F,), dictionary (K,F) with atoms as rows, sparsity T >= 1. Returns support (T,) int32 in the order
    of choice, -1 where unused, and coefficients (T,), 0 where unused. Each step takes the atom with the
    largest absolute correlation with the residual (ties go to the lower index) and codes the signal anew by
    least squares on all atoms taken. Correlations that are rounding count as none, and those atoms are passed
    over. It stops early when the residual's energy is at most `enough`, when no atom correlates with the residual,
    or when the next atom depends linearly on those taken.
    """
    return greedy(signal, dictionary, sparsity, enough, lambda correlation, chosen: int(np.argmax(correlation)))


def greedy(
    signal: Array,
    dictionary: Array,
    sparsity: int,
    enough: float,
    choose: Callable[[Array, list[int]], int],
) -> Code:
    """Atoms one after another, as choose(|correlations| (K,), 0 for those taken; those taken) says."""
    chosen: list[int] = []
    x = np.zeros(0, signal.dtype)
    residual = signal
    smallest = stop_tolerance(signal.dtype) * np.linalg.norm(signal) * np.linalg.norm(dictionary, axis=1)
    while len(chosen) < min(sparsity, *dictionary.shape) and residual @ residual > enough:
        correlation = np.abs(dictionary @ residual)
        correlation[chosen] = 0
        correlation[correlation <= smallest] = 0
        best = choose(correlation, chosen)
        if correlation[best] == 0 or depends(dictionary[best], dictionary[chosen]):
            break
        chosen.append(best)
        x = least_squares(signal, dictionary[chosen])
        residual = signal - x @ dictionary[chosen]
    return filled(chosen, x, sparsity)


def least_squares(signal: Array, atoms: Array) -> Array:
    """The coefficients of atoms (t,F) that leave the least of signal (F,)."""
    x: Array = np.linalg.lstsq(atoms.T, signal, rcond=None)[0]
    return x


def outside(atom: Array, others: Array) -> float:
    """The squared part of an atom (F,) outside the span of others (t,F)."""
    left = atom - least_squares(atom, others) @ others if len(others) else atom
    return float(left @ left)


def depends(atom: Array, others: Array) -> bool:
    """Whether an atom (F,) counts as linearly dependent on others (t,F)."""
    return len(others) > 0 and outside(atom, others) <= dependence_tolerance(atom.dtype) * float(atom @ atom)


def filled(chosen: list[int], x: Array, sparsity: int) -> Code:
    """support (T,) and coefficients (T,) from the atoms chosen and theirs."""
    support = np.full(sparsity, -1, np.int32)
    coefficients = np.zeros(sparsity, x.dtype)
    support[: len(chosen)] = chosen
    coefficients[: len(chosen)] = x
    return support, coefficients


def stacked(codes: list[Code], sparsity: int, dtype: np.dtype) -> Code:
    """Codes of N signals, one by one, as support (N,T) int32 and coefficients (N,T)."""
    support = np.array([c[0] for c in codes], np.int32).reshape(len(codes), sparsity)
    return support, np.array([c[1] for c in codes], dtype).reshape(len(codes), sparsity)


def omp(signals: Array, dictionary: Array, sparsity: int, enough: float = NEVER) -> Code:
    """Codes of all signals (N,F) with one dictionary (K,F): support (N,T) int32, coefficients (N,T)."""
    return stacked([omp_signal(y, dictionary, sparsity, enough) for y in signals], sparsity, signals.dtype)
