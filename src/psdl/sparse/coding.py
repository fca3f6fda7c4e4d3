"""The pursuits: argument checks, one canonical dtype and layout, threads; then a kernel.

Signals and atoms are rows (papers' dictionaries are ours transposed). With a leading axis of P positions every
position has its own signals, and its own dictionary or the one of all. Every result is the same alone or in a
batch, and for any number of threads.
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
    """Orthogonal matching pursuit: `sparsity` = T atoms a signal, fewer once its residual's energy is at most
    `tolerance`.

    signals (N,F) with dictionary (K,F), (P,N,F) with (P,K,F) or (K,F), or one signal (F,). float32 and float64 are
    computed in as they are; what float32 holds exactly becomes float32, other real numbers float64; the dictionary
    follows the signals. One of sparsity and tolerance must be given, each a number or one for each signal, (N,) or
    (P,N); T is capped at min(F,K), and with a tolerance alone it is the most that any signal uses. `dictionary`
    may come from `prepare`, which may leave out the Gram matrices. threads: -1 or None for all cores. device:
    "cpu", or one of torch's such as "cuda", which needs torch and codes equally within rounding.

    Coding stops early when no atom correlates with what is left, or when the next one depends linearly on those
    taken; ties go to the lower index. float32 signals whose tolerance is below 2^-10 of their energy are coded in
    float64 and their coefficients rounded. Raises SparseError on shapes that do not fit, on values that are not
    finite, naming the first, and on what is not real numbers. Pati, Rezaiifar, Krishnaprasad 1993; the definition
    is `pursuits/omp.py`.
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
    """Order-recursive matching pursuit (optimised OMP): `omp`, but each step takes the atom that lowers the
    residual most.

    Arguments, result and errors as of `omp`. Natarajan 1995; Rebollo-Neira, Lowe 2002; the definition is
    `pursuits/ormp.py`.
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
    """Matching pursuit in `sparsity` steps, fewer once the residual's energy is at most `tolerance`.

    An atom taken again adds to its coefficient and uses no new place: codes have T = min(sparsity, K) places. With
    a tolerance alone there are at most 100,000 steps. Arguments, result and errors otherwise as of `omp`. Mallat,
    Zhang 1993; the definition is `pursuits/mp.py`.
    """
    return _pursue("mp", signals, dictionary, sparsity, tolerance, threads)


def threshold(
    signals: ArrayLike, dictionary: ArrayLike | Prepared, *, sparsity: ArrayLike, threads: int | None = None
) -> Codes:
    """Thresholding: least squares on the `sparsity` = T atoms that correlate most with a signal.

    Atoms that depend linearly on better ones are left out. Arguments, result and errors otherwise as of `omp`.
    Elad 2010, section 3.1.4; the definition is `pursuits/threshold.py`.
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
    """Orthogonal matching pursuit with coefficients of at least 0.

    Each step takes the atom with the largest positive correlation and codes the signal anew by non-negative least
    squares on all atoms taken; those that come out as 0 leave the code. Arguments, result and errors otherwise as
    of `omp`. Bruckstein, Elad, Zibulevsky 2008; the definition is `pursuits/nonnegative.py`.
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
    """Orthogonal matching pursuit where numbers of the signals count differently or, with weight 0, are not known.

    weights: one for each number, at least 0, of the signals' shape or one that broadcasts to it; a mask of bool
    for inpainting. The energy of a residual r is the sum of w r^2, and atoms are compared by what they lower of
    it, at their weighted norm. What lies under weight 0 is not read, be it NaN. Arguments, result and errors
    otherwise as of `omp`; Gram matrices do not help. The definition is `pursuits/weighted.py`.
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
    """The signals' values (P,N,F), all those of one dictionary in one row; raises SparseError where they do not
    fit the dictionaries (P,K,F)."""
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
    """Codes in the signals' own shape, scale and dtype, from what a kernel found of D at its scale."""
    powers, shape = given.powers, (*given.leading, x.shape[2])
    if powers is None and not D.power and x.dtype == given.dtype:
        return Codes(support.reshape(shape), x.reshape(shape), D.shape[1])
    power: Any = -D.power if powers is None else powers.reshape(x.shape[:2]) - np.int32(D.power)
    x = unscaled(x, power, given.dtype, "coefficients")
    return Codes(support.reshape(shape), x.reshape(shape), D.shape[1])
