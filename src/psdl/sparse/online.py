"""Dictionary learning from chunks of signals, for data that does not fit in memory."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .arrays import Array, canonical, whole_number
from .coding import omp
from .errors import SparseError
from .learning import initial
from .threads import split

REACH = 2.0**400  # of signals, whose squares are summed in float64


class Online(NamedTuple):
    """The state of online learning. Save it with `np.savez(path, **state._asdict())` and continue from
    `Online(**file)`.

    `dictionary` is (K,F) or (P,K,F). `moments` (..., K,K) and `products` (..., K,F), float64, are sums over the
    signals seen so far: of X' X and of X' Y, with codes X and signals Y.
    """

    dictionary: Array
    moments: Array
    products: Array


def online(
    signals: ArrayLike,
    state: Online | ArrayLike,
    *,
    sparsity: int | None = None,
    tolerance: ArrayLike | None = None,
    keep: float = 0.95,
    fixed: int = 0,
    threads: int | None = None,
) -> Online:
    """Online dictionary learning: returns the state after one chunk of signals (N,F) or (P,N,F).

    `state` is a start dictionary (K,F) or (P,K,F) at first, whose atoms are normalised, then the result of the
    last call. `sparsity` and `tolerance` are as in `omp`. `keep` in 0..1 is the factor by which the sums of
    earlier chunks are multiplied; below 1, codes by older dictionaries are forgotten. The first `fixed` atoms do
    not change. A chunk should have several signals for each atom. The same chunks give the same bits, in one
    process or in several. Raises SparseError like `omp`, and if the arrays of a state do not fit each other.
    Source: Mairal, Bach, Ponce, Sapiro 2010; the definition is `learners/online.py`.
    """
    Y, largest = canonical(signals, "signals")
    if not 0 <= keep <= 1:
        raise SparseError(f"keep, the weight of earlier chunks, must lie between 0 and 1, not {keep}")
    if largest and not 1 / REACH < largest < REACH:
        raise SparseError(f"signals up to {largest:g} cannot be squared and summed in float64: scale them")
    new = _checked(state, Y) if isinstance(state, Online) else _begun(state, Y)
    stay = whole_number(fixed, "fixed, the number of atoms that stay,", 0)
    codes = omp(Y, new.dictionary, sparsity=sparsity, tolerance=tolerance, threads=threads)
    single = Y.ndim == 2
    D, A, B = (array[None] if single else array for array in new)
    Y, support, x = (array[None] if single else array for array in (Y, *codes))

    def work(first: int, last: int) -> None:
        from .learners.online_cpu import absorb_block

        room = np.empty(D.shape[2])
        for p in range(first, last):
            absorb_block(Y[p], support[p], x[p], keep, stay, D[p], A[p], B[p], room)

    split(work, len(Y), threads)
    return new


def _checked(state: Online, Y: Array) -> Online:
    """Returns a copy of a state for signals of the dtype of Y. Raises SparseError if its arrays do not fit."""
    D = initial(state.dictionary, Y.dtype)
    shapes = {"moments": (*D.shape[:-1], D.shape[-2]), "products": D.shape}
    sums: list[Any] = []
    for name, shape in shapes.items():
        array = np.array(canonical(getattr(state, name), f"the state's {name}")[0], np.float64, order="C")
        if array.shape != shape:
            raise SparseError(
                f"the state's {name} have shape {array.shape}, but its dictionary of shape {D.shape} needs"
                f" {shape}:"
                " start anew from the dictionary alone, or pad them with zeros"
            )
        sums.append(array)
    if D.ndim != Y.ndim:
        raise SparseError(f"signals of shape {Y.shape} do not fit a state of a dictionary of shape {D.shape}")
    return Online(D.copy(), *sums)


def _begun(start: ArrayLike, Y: Array) -> Online:
    D = initial(start, Y.dtype)
    if Y.ndim == 3 and D.ndim == 2:
        D = np.broadcast_to(D, (len(Y), *D.shape))
    D = np.array(D, order="C")
    return Online(D, np.zeros((*D.shape[:-1], D.shape[-2])), np.zeros(D.shape))
