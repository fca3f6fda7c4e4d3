"""The pursuits: argument checks, one canonical dtype and layout, threads; then a kernel.

Signals and atoms are rows (papers' dictionaries are ours transposed). With a leading axis of P positions every
position has its own dictionary and its own signals. Every result is the same alone or in a batch, and for any
number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from psdl.sparse.arrays import Array, canonical, capped, codes_fit, exponent, fit_together, reach, scaled, scratch
from psdl.sparse.errors import SparseError
from psdl.sparse.prepared import Prepared, as_given, bits, prepare
from psdl.sparse.pursuits.omp import NEVER, dependence_tolerance, stop_tolerance
from psdl.sparse.threads import split, worth


class Codes(NamedTuple):
    """support (..., N,T) int32, -1 where unused; coefficients (..., N,T), 0 where unused."""

    support: NDArray[np.int32]
    coefficients: Array


def omp(
    signals: ArrayLike,
    dictionary: ArrayLike | Prepared,
    *,
    sparsity: int | None = None,
    tolerance: float | None = None,
    threads: int | None = None,
    device: str = "cpu",
) -> Codes:
    """Orthogonal matching pursuit: `sparsity` = T atoms a signal, fewer once its residual's energy is at most
    `tolerance`.

    signals (N,F) with dictionary (K,F), or (P,N,F) with (P,K,F); float32 or float64 (other types become
    float32). One of sparsity and tolerance must be given; T is capped at min(F,K), which it is without sparsity.
    `dictionary` may come from `prepare`, which may leave out the Gram matrices. device: "cpu", or one of torch's
    such as "cuda", which needs torch and codes equally within rounding. Coding stops early when no atom correlates
    with what is left, or when the next one depends linearly on those taken; ties go to the lower index. Raises
    SparseError on shapes that do not fit and on values that are not finite, naming the first. Pati, Rezaiifar,
    Krishnaprasad 1993; the definition is `pursuits/omp.py`.
    """
    return _pursue("omp", signals, dictionary, sparsity, tolerance, threads, device)


def ormp(
    signals: ArrayLike,
    dictionary: ArrayLike | Prepared,
    *,
    sparsity: int | None = None,
    tolerance: float | None = None,
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
    sparsity: int | None = None,
    tolerance: float | None = None,
    threads: int | None = None,
) -> Codes:
    """Matching pursuit in `sparsity` = T steps, fewer once the residual's energy is at most `tolerance`.

    An atom taken again adds to its coefficient, so a code may hold fewer than T atoms. Arguments, result and
    errors otherwise as of `omp`. Mallat, Zhang 1993; the definition is `pursuits/mp.py`.
    """
    return _pursue("mp", signals, dictionary, sparsity, tolerance, threads)


def threshold(
    signals: ArrayLike, dictionary: ArrayLike | Prepared, *, sparsity: int, threads: int | None = None
) -> Codes:
    """Thresholding: least squares on the `sparsity` = T atoms that correlate most with a signal.

    Atoms that depend linearly on better ones are left out. Arguments, result and errors otherwise as of `omp`.
    Elad 2010, section 3.1.4; the definition is `pursuits/threshold.py`.
    """
    return _pursue("threshold", signals, dictionary, sparsity, None, threads)


def _pursue(
    name: str,
    signals: ArrayLike,
    dictionary: ArrayLike | Prepared,
    sparsity: int | None,
    tolerance: float | None,
    threads: int | None,
    device: str = "cpu",
) -> Codes:
    Y, largest = canonical(signals, "signals")
    D = (
        dictionary
        if isinstance(dictionary, Prepared)
        else prepare(np.asarray(dictionary, Y.dtype), threads=threads)
    )
    single = Y.ndim == 2
    Y = np.asarray(Y[None] if single else Y, D.dtype)
    fit_together(Y, D.shape, single, D.single)
    T = capped(_given(sparsity, tolerance, D), D.shape)
    power = exponent(largest, reach(Y.dtype))
    Y = scaled(Y, -power)
    enough = NEVER if tolerance is None else float(np.ldexp(tolerance, -2 * power))
    if device == "cpu":
        codes = Codes(np.empty((*Y.shape[:2], T), np.int32), np.empty((*Y.shape[:2], T), Y.dtype))
        reads = T if D.gram is None else 1  # of the dictionary, by each signal
        flops = Y.size * D.shape[1] * 2.0 * reads + Y.size / Y.shape[2] * D.shape[1] * T * T
        split(_kernel(name, Y, D, enough, codes), len(Y) * Y.shape[1], worth(flops, threads))
    else:
        codes = Codes(*on_torch().pursue(Y, np.asarray(D.atoms, D.dtype), T, enough, name == "ormp", device))
    x = scaled(codes.coefficients, power - D.power)
    return Codes(codes.support[0], x[0]) if single else Codes(codes.support, x)


def runs_on(device: str) -> bool:
    """Whether `omp`, `ormp` and `learn` can run on that device here: torch is installed and finds it."""
    try:
        on_torch().on(device)
    except SparseError:
        return device == "cpu"
    return True


def on_torch() -> Any:
    """The module `torch.py`; raises SparseError where torch is not installed."""
    try:
        return import_module("psdl.sparse.torch")
    except ImportError:
        raise SparseError("a device other than 'cpu' needs torch: pip install torch, or device='cpu'") from None


def _kernel(name: str, Y: Array, D: Prepared, enough: float, codes: Codes) -> Callable[[int, int], None]:
    """work(first, last) of a pursuit, over the signals of all positions in turn."""
    tolerances = stop_tolerance(Y.dtype), dependence_tolerance(Y.dtype), enough
    support, x = codes
    T = support.shape[2]
    if D.gram is None:
        if name != "omp":
            raise SparseError(f"{name} needs Gram matrices: prepare the dictionary with gram=True and half=False")
        return _direct(Y, D, tolerances, codes)

    def work(first: int, last: int) -> None:
        room = scratch(D.shape[1], T, Y.dtype)
        rest = (room, support, x, first, last)
        if name in ("omp", "ormp"):
            from psdl.sparse.pursuits.omp_cpu import omp_items

            omp_items(Y, D.transposed, D.gram, *tolerances, True if name == "ormp" else None, *rest)
        elif name == "mp":
            from psdl.sparse.pursuits.mp_cpu import mp_items

            mp_items(Y, D.transposed, D.gram, *tolerances, *rest)
        else:
            from psdl.sparse.pursuits.threshold_cpu import threshold_items

            threshold_items(Y, D.transposed, D.gram, *tolerances, *rest)

    return work


def _direct(Y: Array, D: Prepared, tolerances: tuple[float, ...], codes: Codes) -> Callable[[int, int], None]:
    """work(first, last) of OMP without Gram matrices."""
    support, x = codes

    def work(first: int, last: int) -> None:
        from psdl.sparse.pursuits.direct_cpu import direct_items

        room = scratch(D.shape[1], support.shape[2], Y.dtype)
        directions = np.empty((support.shape[2], Y.shape[2]), Y.dtype)
        direct_items(Y, bits(D.atoms), bits(D.transposed), *tolerances, room, directions, support, x, first, last)

    return work


def _given(sparsity: int | None, tolerance: float | None, D: Prepared) -> int:
    if sparsity is None and tolerance is None:
        raise SparseError("a pursuit needs sparsity, the number of atoms, or tolerance, the energy it may leave")
    if tolerance is not None and not tolerance >= 0:
        raise SparseError(f"tolerance, the energy that may be left, must be at least 0, not {tolerance}")
    return min(D.shape[1:]) if sparsity is None else sparsity


def residual(
    signals: ArrayLike, dictionary: ArrayLike | Prepared, codes: Codes, *, threads: int | None = None
) -> Array:
    """signals - codes dictionary, of the signals' shape: (N,F) with (K,F), or (P,N,F) with (P,K,F).

    Raises SparseError on shapes that do not fit and on codes of a larger dictionary.
    """
    from psdl.sparse.residuals_cpu import residual_items

    return _of_residuals(residual_items, signals, dictionary, codes, np.shape(signals)[-1:], threads)


def residual_norms(
    signals: ArrayLike, dictionary: ArrayLike | Prepared, codes: Codes, *, threads: int | None = None
) -> Array:
    """The Euclidean norms of the residuals, see `residual`: (N,) or (P,N). The residuals themselves are not
    kept."""
    from psdl.sparse.residuals_cpu import residual_norm_items

    return _of_residuals(residual_norm_items, signals, dictionary, codes, (), threads)


def _of_residuals(
    kernel: Callable[..., None],
    signals: ArrayLike,
    dictionary: ArrayLike | Prepared,
    codes: Codes,
    each: tuple[int, ...],
    threads: int | None,
) -> Array:
    """What a kernel writes for each signal, of shape `each`, from its residual."""
    Y, _ = canonical(signals, "signals")
    single = Y.ndim == 2
    Y = Y[None] if single else Y
    D = dictionary if isinstance(dictionary, Prepared) else as_given(np.asarray(dictionary, Y.dtype))
    fit_together(Y, D.shape, single, D.single)
    support = np.ascontiguousarray(codes.support).reshape(len(Y), Y.shape[1], -1)
    codes_fit(support, D.shape[1])
    x = scaled(np.ascontiguousarray(codes.coefficients, dtype=Y.dtype).reshape(support.shape), D.power)
    out = np.empty((*Y.shape[:2], *each), Y.dtype)

    def work(first: int, last: int) -> None:
        kernel(Y, bits(D.atoms), support, x, out, first, last)

    split(work, len(Y), worth(2.0 * support.size * Y.shape[2], threads))
    return out[0] if single else out
