"""Dictionary learning from chunks of signals, for data that does not fit in memory."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from psdl.sparse.arrays import Array, canonical
from psdl.sparse.door import omp
from psdl.sparse.errors import SparseError
from psdl.sparse.threads import split


class Online(NamedTuple):
    """All that learning goes on from; save it with `np.savez(path, **state._asdict())` and go on from
    `Online(**file)`.

    dictionary (K,F) or (P,K,F); moments (..., K,K) and products (..., K,F), float64: sums over the signals seen.
    """

    dictionary: Array
    moments: Array
    products: Array


def online(
    signals: ArrayLike,
    state: Online | ArrayLike,
    *,
    sparsity: int,
    keep: float = 0.95,
    threads: int | None = None,
) -> Online:
    """One chunk of online dictionary learning: the state after signals (N,F) or (P,N,F).

    `state` is a start dictionary (K,F) or (P,K,F) at first, then what the last call returned. `keep` (0 to 1) is
    the weight that all earlier chunks keep: below 1, codes by older dictionaries are forgotten. A chunk should
    hold several signals an atom. The same chunks give the same bits, in one process or over many. Raises
    SparseError as `omp` does. Mairal, Bach, Ponce, Sapiro 2010; the definition is `learners/online.py`.
    """
    Y, _ = canonical(signals, "signals")
    if not 0 <= keep <= 1:
        raise SparseError(f"keep, the weight of earlier chunks, must lie between 0 and 1, not {keep}")
    old = state if isinstance(state, Online) else _begun(np.asarray(state, Y.dtype), Y)
    dictionary = np.asarray(old.dictionary, Y.dtype)
    codes = omp(Y, dictionary, sparsity=sparsity, threads=threads)
    new = Online(dictionary.copy(), np.array(old.moments, np.float64), np.array(old.products, np.float64))
    single = Y.ndim == 2
    D, A, B = (array[None] if single else array for array in new)
    Y, support, x = (array[None] if single else array for array in (Y, *codes))

    def work(first: int, last: int) -> None:
        from psdl.sparse.learners.online_cpu import absorb_block

        room = np.empty(D.shape[2])
        for p in range(first, last):
            absorb_block(Y[p], support[p], x[p], keep, D[p], A[p], B[p], room)

    split(work, len(Y), threads)
    return new


def _begun(start: Array, Y: Array) -> Online:
    D, _ = canonical(start, "start dictionary")
    if Y.ndim == 3 and D.ndim == 2:
        D = np.broadcast_to(D, (len(Y), *D.shape))
    D = np.array(D, order="C")
    return Online(D, np.zeros((*D.shape[:-1], D.shape[-2])), np.zeros(D.shape))
