"""Orthogonal matching pursuit: the definition. Plain NumPy, one signal at a time, slow.

Source: Pati, Rezaiifar, Krishnaprasad, "Orthogonal matching pursuit", Asilomar 1993. The stopping rules are ours,
since the paper assumes that a next atom always exists. `omp_cpu.py` is the same function, compiled;
`direct_cpu.py` is another compiled one, without a Gram matrix.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
Code = tuple[NDArray[np.int32], Array]
NEVER = -1.0  # an energy that no residual reaches


def stop_tolerance(dtype: np.dtype) -> float:
    """Returns the share of the signal's norm times the atom's norm up to which a correlation counts as zero (64
    times the machine epsilon)."""
    return 64.0 * float(np.finfo(dtype).eps)


def dependence_tolerance(dtype: np.dtype) -> float:
    """Returns the share of its squared norm up to which an atom's squared part outside the span of the chosen
    atoms counts as zero; the atom then counts as linearly dependent on them (256 times the machine epsilon)."""
    return 256.0 * float(np.finfo(dtype).eps)


def omp_signal(signal: Array, dictionary: Array, sparsity: int, enough: float = NEVER) -> Code:
    """Returns one signal's code.

    signal (F,), dictionary (K,F) with atoms as rows, sparsity T >= 1. The code is support (T,) int32 in the order
    of choice, -1 where unused, and coefficients (T,), 0 where unused. Each step chooses the atom with the largest
    absolute correlation with the residual (of equal ones, that with the lower index) and codes the signal again by
    least squares on all atoms chosen. Correlations that are only rounding count as zero. Coding stops early when
    the energy of the residual is at most `enough`, when no atom correlates with the residual, or when the next
    atom depends linearly on those chosen.
    """
    return greedy(signal, dictionary, sparsity, enough, lambda correlation, chosen: int(np.argmax(correlation)))


def greedy(
    signal: Array,
    dictionary: Array,
    sparsity: int,
    enough: float,
    choose: Callable[[Array, list[int]], int],
) -> Code:
    """Returns the code of a signal by choosing one atom after another. `choose` gets the absolute correlations
    (K,), 0 for the atoms chosen before, and the list of these atoms; it returns the index of the next one."""
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
    """Returns the coefficients (t,) of atoms (t,F) that approximate the signal (F,) best."""
    x: Array = np.linalg.lstsq(atoms.T, signal, rcond=None)[0]
    return x


def outside(atom: Array, others: Array) -> float:
    """Returns the squared norm of the part of an atom (F,) outside the span of others (t,F)."""
    left = atom - least_squares(atom, others) @ others if len(others) else atom
    return float(left @ left)


def depends(atom: Array, others: Array) -> bool:
    """Returns whether an atom (F,) counts as linearly dependent on others (t,F)."""
    return len(others) > 0 and outside(atom, others) <= dependence_tolerance(atom.dtype) * float(atom @ atom)


def filled(chosen: list[int], x: Array, sparsity: int) -> Code:
    """Returns support (T,) and coefficients (T,) from the list of chosen atoms and their coefficients x."""
    support = np.full(sparsity, -1, np.int32)
    coefficients = np.zeros(sparsity, x.dtype)
    support[: len(chosen)] = chosen
    coefficients[: len(chosen)] = x
    return support, coefficients


def stacked(codes: list[Code], sparsity: int, dtype: np.dtype) -> Code:
    """Returns the codes of N signals as support (N,T) int32 and coefficients (N,T)."""
    support = np.array([c[0] for c in codes], np.int32).reshape(len(codes), sparsity)
    return support, np.array([c[1] for c in codes], dtype).reshape(len(codes), sparsity)


def omp(signals: Array, dictionary: Array, sparsity: int, enough: float = NEVER) -> Code:
    """Returns codes of signals (N,F) with one dictionary (K,F): support (N,T) int32, coefficients (N,T)."""
    return stacked([omp_signal(y, dictionary, sparsity, enough) for y in signals], sparsity, signals.dtype)
