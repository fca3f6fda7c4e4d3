"""The way in: argument checks, one canonical dtype and layout, threads; then a kernel or its definition.

Signals and atoms are rows (papers' dictionaries are ours transposed). With a leading axis of P positions every
position has its own dictionary and its own signals. Every result is the same alone or in a batch, and for any
number of threads.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from psdl.sparse.errors import SparseError
from psdl.sparse.pursuits.omp import dependence_tolerance, stop_tolerance

Array = NDArray[Any]
SCRATCH = 64  # signals a thread takes at once


class Codes(NamedTuple):
    """support (..., N,T) int32, -1 where unused; coefficients (..., N,T), 0 where unused."""

    support: NDArray[np.int32]
    coefficients: Array


class Prepared(NamedTuple):
    """A dictionary with what pursuits read of it: atoms (P,K,F), transposed (P,F,K), gram (P,K,K)."""

    atoms: Array
    transposed: Array
    gram: Array
    single: bool


def prepare(dictionary: ArrayLike) -> Prepared:
    """A dictionary (K,F) or (P,K,F) made ready for many calls of `omp`.

    Costs P K^2 F multiplications and the memory of the Gram matrices. Raises SparseError on a wrong shape or
    a value that is not finite.
    """
    atoms = _canonical(dictionary, "dictionary")
    single = atoms.ndim == 2
    atoms = atoms[None] if single else atoms
    transposed = np.ascontiguousarray(atoms.transpose(0, 2, 1))
    return Prepared(atoms, transposed, np.matmul(atoms, transposed), single)


def omp(
    signals: ArrayLike,
    dictionary: ArrayLike | Prepared,
    *,
    sparsity: int,
    threads: int | None = None,
) -> Codes:
    """Orthogonal matching pursuit with `sparsity` = T atoms a signal.

    signals (N,F) with dictionary (K,F), or (P,N,F) with (P,K,F); float32 or float64 (other types become
    float32). T is capped at min(F,K). `dictionary` may come from `prepare`. Coding stops early when no atom
    correlates with what is left, or when the next one depends linearly on those taken; ties go to the lower
    index. Raises SparseError on shapes that do not fit and on values that are not finite, naming the first.
    Pati, Rezaiifar, Krishnaprasad 1993; the definition is `pursuits/omp.py`.
    """
    Y = _canonical(signals, "signals")
    D = dictionary if isinstance(dictionary, Prepared) else prepare(_like(dictionary, Y))
    single = Y.ndim == 2
    Y = Y[None] if single else Y
    _fit_together(Y, D.atoms, single, D.single)
    Y = Y if Y.dtype == D.atoms.dtype else Y.astype(D.atoms.dtype)
    sparsity = _sparsity(sparsity, D.atoms)
    positions, count, _ = Y.shape
    support = np.empty((positions, count, sparsity), np.int32)
    x = np.empty((positions, count, sparsity), Y.dtype)
    stop, dependent = _tolerances(Y.dtype)
    blocks = max(1, -(-count // SCRATCH))

    def work(first: int, last: int) -> None:
        from psdl.sparse.pursuits.omp_cpu import omp_items

        a, bits = _scratch(D.atoms)
        W = np.empty((sparsity, D.atoms.shape[1]), Y.dtype)
        omp_items(Y, D.transposed, D.gram, stop, dependent, bits, a, W, support, x, first, last, SCRATCH)

    _split(work, positions * blocks, threads)
    return Codes(support[0], x[0]) if single else Codes(support, x)


def learn(
    signals: ArrayLike,
    start: ArrayLike,
    *,
    sparsity: int,
    rounds: int,
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[Array, Codes]:
    """Approximate K-SVD: (dictionary, codes) after `rounds` rounds from the dictionary `start`.

    signals (N,F) or (P,N,F); start (K,F), shared by all positions, or (P,K,F). The dictionary is (K,F) or
    (P,K,F); the codes are those that the last round's updates leave. `progress` is called with the number of
    positions learned since its last call. Raises SparseError as `omp` does. Rubinstein, Zibulevsky, Elad 2008;
    the definition is `learners/ksvd.py`.
    """
    Y = _canonical(signals, "signals")
    D0 = _canonical(_like(start, Y), "start dictionary")
    single = Y.ndim == 2
    Y = Y[None] if single else Y
    if single and D0.ndim == 3:
        raise SparseError(f"signals {Y.shape[1:]} need one start dictionary (K,F), not {D0.shape}")
    D = np.array(np.broadcast_to(D0, (len(Y), *D0.shape[-2:])) if D0.ndim == 2 else D0, order="C")
    _fit_together(Y, D, single, single)
    if rounds < 1:
        raise SparseError(f"rounds must be at least 1, not {rounds}")
    sparsity = _sparsity(sparsity, D)
    support = np.full((*Y.shape[:2], sparsity), -1, np.int32)
    x = np.zeros((*Y.shape[:2], sparsity), Y.dtype)
    stop, dependent = _tolerances(Y.dtype)

    def work(first: int, last: int) -> None:
        from psdl.sparse.learners.ksvd_cpu import learn_block

        a, bits = _scratch(D)
        for p in range(first, last):
            learn_block(Y[p], D[p], rounds, stop, dependent, bits, a, support[p], x[p])
            if progress:
                progress(1)

    _split(work, len(Y), threads)
    return (D[0], Codes(support[0], x[0])) if single else (D, Codes(support, x))


def residual(
    signals: ArrayLike, dictionary: ArrayLike | Prepared, codes: Codes, *, threads: int | None = None
) -> Array:
    """signals - codes dictionary, of the signals' shape: (N,F) with (K,F), or (P,N,F) with (P,K,F)."""
    from psdl.sparse.learners.ksvd_cpu import residual_items

    Y = _canonical(signals, "signals")
    single = Y.ndim == 2
    Y = Y[None] if single else Y
    if isinstance(dictionary, Prepared):
        D, dictionary_single = dictionary.atoms, dictionary.single
    else:
        D = _canonical(_like(dictionary, Y), "dictionary")
        D, dictionary_single = (D[None], True) if D.ndim == 2 else (D, False)
    _fit_together(Y, D, single, dictionary_single)
    support = np.ascontiguousarray(codes.support).reshape(len(Y), Y.shape[1], -1)
    x = np.ascontiguousarray(codes.coefficients, dtype=Y.dtype).reshape(support.shape)
    out = np.empty_like(Y)

    def work(first: int, last: int) -> None:
        residual_items(Y, D, support, x, out, first, last)

    _split(work, len(Y), threads)
    return out[0] if single else out


def _canonical(values: ArrayLike, what: str) -> Array:
    """A writable-flavoured, C-contiguous float32 or float64 array: kernels are compiled once for it."""
    array = np.asarray(values)
    dtype = array.dtype if array.dtype in (np.float32, np.float64) else np.dtype(np.float32)
    array = np.require(array, dtype, ["C", "ALIGNED", "WRITEABLE"])
    if array.ndim not in (2, 3):
        raise SparseError(f"{what} must have 2 axes, or 3 with positions first, not shape {array.shape}")
    if not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise SparseError(f"{what} must be finite, but index {where} is {array[where]}")
    return np.asarray(array)


def _like(values: ArrayLike, signals: Array) -> Array:
    return np.asarray(values, signals.dtype)


def _fit_together(Y: Array, D: Array, single: bool, dictionary_single: bool) -> None:
    if single != dictionary_single or len(Y) != len(D) or Y.shape[2] != D.shape[2]:
        raise SparseError(
            f"signals of shape {Y.shape[single:]} do not fit a dictionary of shape {D.shape[dictionary_single:]}:"
            " expected (N,F) with (K,F), or (P,N,F) with (P,K,F)"
        )


def _sparsity(sparsity: int, D: Array) -> int:
    if sparsity < 1:
        raise SparseError(f"sparsity, the number of atoms a signal, must be at least 1, not {sparsity}")
    return min(int(sparsity), int(D.shape[1]), int(D.shape[2]))


def _tolerances(dtype: np.dtype[Any]) -> tuple[Any, Any]:
    return dtype.type(stop_tolerance(dtype)), dtype.type(dependence_tolerance(dtype))


def _scratch(D: Array) -> tuple[Array, Array]:
    a = np.empty(D.shape[1], D.dtype)
    return a, a.view(np.int32 if D.dtype == np.float32 else np.int64)


def _split(work: Callable[[int, int], None], items: int, threads: int | None) -> None:
    """work(first, last) over all items, in more slices than threads so that a slow one does not wait alone."""
    threads = max(1, threads or os.cpu_count() or 1)
    slices = min(items, threads * 8)
    if threads == 1 or slices <= 1:
        work(0, items)
        return
    bounds = [items * i // slices for i in range(slices + 1)]
    list(_pool(threads).map(work, bounds[:-1], bounds[1:]))


@lru_cache(maxsize=8)
def _pool(threads: int) -> ThreadPoolExecutor:
    """One pool for each number of threads, kept: starting threads costs more than coding one image."""
    return ThreadPoolExecutor(threads, thread_name_prefix="psdl-sparse")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # a forked process has no threads of its parent
