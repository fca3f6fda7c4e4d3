"""The pursuits: they check arguments, bring arrays to one dtype and layout, and run a compiled kernel on threads.

Signals and atoms are rows, so that dictionaries are the transposes of those in papers. A leading axis of P
positions gives every position its own signals, with a dictionary of its own or one for all. A signal's result is
the same alone or in a batch, and for any number of threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .arrays import Array, Signals, read_signals, unscaled
from .codes import Codes
from .errors import SparseError
from .limits import Limits, limits_of
from .prepared import Prepared, prepare_lazily
from .running import code, code_trimmed, on_torch, recode_tight, trimmed


def omp(
    signals: ArrayLike,
    dictionary: ArrayLike | Prepared,
    *,
    sparsity: ArrayLike | None = None,
    tolerance: ArrayLike | None = None,
    threads: int | None = None,
    device: str = "cpu",
) -> Codes:
    """Orthogonal matching pursuit: returns codes of at most `sparsity` = T atoms for each signal, fewer once the
    energy (squared norm) of its residual is at most `tolerance`.

    Signals are (N,F) with a dictionary (K,F), (P,N,F) with (P,K,F) or (K,F), or one signal (F,). float32 and
    float64 signals are computed in their own dtype. float16, bool and integers of up to 16 bits become float32,
    other real numbers float64. The dictionary is converted to the dtype of the signals.

    At least one of `sparsity` and `tolerance` must be given, each as one number or as one for each signal, (N,) or
    (P,N). T is at most min(F,K); with a tolerance alone it is the largest number of atoms that any signal uses.
    `dictionary` may be the result of `prepare`, with or without Gram matrices. `threads` is the number of threads;
    -1 or None: all cores. `device` is "cpu" or a device of torch, such as "cuda"; torch's results equal the CPU's
    within rounding.

    Coding also stops when no atom correlates with the residual, or when the next atom depends linearly on those
    chosen. Of equal correlations, the atom with the lower index is chosen. float32 signals whose tolerance is
    below 2^-10 of their energy are coded in float64, and their coefficients are rounded. Raises SparseError if
    shapes do not fit, if values are not finite (the first is named), or if they are not real numbers. Source:
    Pati, Rezaiifar, Krishnaprasad 1993; the definition is `pursuits/omp.py`.
    """
    return _pursue("omp", signals, dictionary, sparsity, tolerance, threads, device)


def ormp(
    signals: ArrayLike,
    dictionary: ArrayLike | Prepared,
    *,
    sparsity: ArrayLike | None = None,
    tolerance: ArrayLike | None = None,
    threads: int | None = None,
    device: str = "cpu",
) -> Codes:
    """Order-recursive matching pursuit (optimised OMP): like `omp`, but each step chooses the atom that reduces
    the energy of the residual most.

    Arguments, result and errors are those of `omp`, but a prepared dictionary needs its Gram matrices. Sources:
    Natarajan 1995; Rebollo-Neira, Lowe 2002; the definition is `pursuits/ormp.py`.
    """
    return _pursue("ormp", signals, dictionary, sparsity, tolerance, threads, device)


def mp(
    signals: ArrayLike,
    dictionary: ArrayLike | Prepared,
    *,
    sparsity: ArrayLike | None = None,
    tolerance: ArrayLike | None = None,
    threads: int | None = None,
) -> Codes:
    """Matching pursuit: returns codes after `sparsity` steps, or fewer once the energy of the residual is at most
    `tolerance`.

    An atom that is chosen again adds to its coefficient and uses no new place: codes have T = min(sparsity, K)
    places. With a tolerance alone there are at most 100,000 steps. Otherwise arguments, result and errors are
    those of `omp`, but a prepared dictionary needs its Gram matrices. Source: Mallat, Zhang 1993; the definition
    is `pursuits/mp.py`.
    """
    return _pursue("mp", signals, dictionary, sparsity, tolerance, threads)


def threshold(
    signals: ArrayLike, dictionary: ArrayLike | Prepared, *, sparsity: ArrayLike, threads: int | None = None
) -> Codes:
    """Thresholding: returns the least-squares codes on the `sparsity` = T atoms that correlate most with each
    signal.

    Of these, atoms that depend linearly on better ones are left out. Otherwise arguments, result and errors are
    those of `omp`, but a prepared dictionary needs its Gram matrices. Source: Elad 2010, section 3.1.4; the
    definition is `pursuits/threshold.py`.
    """
    return _pursue("threshold", signals, dictionary, sparsity, None, threads)


def nonnegative_omp(
    signals: ArrayLike,
    dictionary: ArrayLike | Prepared,
    *,
    sparsity: ArrayLike | None = None,
    tolerance: ArrayLike | None = None,
    threads: int | None = None,
) -> Codes:
    """Orthogonal matching pursuit with non-negative coefficients.

    Each step chooses the atom with the largest positive correlation and computes the coefficients of all chosen
    atoms by non-negative least squares; atoms whose coefficient becomes 0 leave the code. Otherwise arguments,
    result and errors are those of `omp`, but a prepared dictionary needs its Gram matrices. Source: Bruckstein,
    Elad, Zibulevsky 2008; the definition is `pursuits/nonnegative.py`.
    """
    return _pursue("nonnegative", signals, dictionary, sparsity, tolerance, threads)


def weighted_omp(
    signals: ArrayLike,
    weights: ArrayLike,
    dictionary: ArrayLike | Prepared,
    *,
    sparsity: ArrayLike | None = None,
    tolerance: ArrayLike | None = None,
    threads: int | None = None,
) -> Codes:
    """Orthogonal matching pursuit with a weight for every number of the signals; weight 0 means that a number is
    unknown.

    `weights` are at least 0 and have the shape of the signals or one that broadcasts to it; a bool mask serves for
    inpainting. The energy of a residual r is the sum of w r^2, and atoms are compared by how much they reduce it.
    Values with weight 0 are ignored and may be NaN. Otherwise arguments, result and errors are those of `omp`;
    Gram matrices are not used. The definition is `pursuits/weighted.py`.
    """
    from .weighted import pursue_weighted

    return pursue_weighted(signals, weights, dictionary, sparsity, tolerance, threads)


def _pursue(
    name: str,
    signals: ArrayLike,
    dictionary: ArrayLike | Prepared,
    sparsity: ArrayLike | None,
    tolerance: ArrayLike | None,
    threads: int | None,
    device: str = "cpu",
) -> Codes:
    given = read_signals(signals, dictionary.dtype if isinstance(dictionary, Prepared) else None)
    D = dictionary if isinstance(dictionary, Prepared) else prepare_lazily(dictionary, given.dtype)
    Y = together(given, D)
    limits = limits_of(name, sparsity, tolerance, given, D)
    if device != "cpu":
        support, x = on_torch().pursue(Y, np.asarray(D.atoms, D.dtype), limits, name == "ormp", device)
        recode_tight(name, Y, D, limits, (support, x), threads)
        if sparsity is None:
            support, x = trimmed(support, x)
    elif sparsity is None:
        support, x = code_trimmed(name, Y, D, limits, threads)
    else:
        support, x = code(name, Y, D, limits, threads)
    return finished(support, x, given, D, limits)


def together(given: Signals, D: Prepared) -> Array:
    """Returns the values of the signals as (P,N,F), with P = 1 if there is one dictionary for all positions.
    Raises SparseError if they do not fit the dictionaries (P,K,F)."""
    Y = given.values
    alone = len(given.leading) < 2
    if Y.shape[2] != D.shape[2] or not (D.single or (not alone and len(Y) == D.shape[0])):
        length = given.leading + Y.shape[2:]
        raise SparseError(
            f"signals of shape {length} do not fit a dictionary of shape {D.shape[D.single :]}:"
            " expected (N,F) or (P,N,F) with (K,F), or (P,N,F) with (P,K,F)"
        )
    return Y.reshape(1, Y.shape[0] * Y.shape[1], Y.shape[2]) if D.single else Y


def finished(support: Array, x: Array, given: Signals, D: Prepared, limits: Limits) -> Codes:
    """Returns codes in the signals' own shape, scale and dtype from a kernel's support and coefficients (P,N,T),
    which hold for the scaled dictionary D."""
    powers, shape = given.powers, (*given.leading, x.shape[2])
    if powers is None and not D.power and x.dtype == given.dtype:
        return Codes(support.reshape(shape), x.reshape(shape), D.shape[1])
    power: Any = -D.power if powers is None else powers.reshape(x.shape[:2]) - np.int32(D.power)
    x = unscaled(x, power, given.dtype, "coefficients")
    return Codes(support.reshape(shape), x.reshape(shape), D.shape[1])
