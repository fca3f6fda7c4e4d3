"""Dictionary learning: argument checks, then positions over threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from psdl._util.machine import cores
from psdl.sparse.arrays import (
    Array,
    aligned,
    canonical,
    capped,
    exponent,
    fit_together,
    padded,
    reach,
    scaled,
    scratch,
)
from psdl.sparse.door import Codes, omp, on_torch
from psdl.sparse.errors import SparseError
from psdl.sparse.prepared import NEAR
from psdl.sparse.pursuits.omp import NEVER, dependence_tolerance, stop_tolerance
from psdl.sparse.threads import split

Told = Callable[[int], None] | None


def learn(
    signals: ArrayLike,
    start: ArrayLike,
    *,
    sparsity: int,
    rounds: int,
    learner: Literal["approximate", "exact"] = "approximate",
    replace: bool = False,
    threads: int | None = None,
    progress: Told = None,
    device: str = "cpu",
) -> tuple[Array, Codes]:
    """K-SVD: (dictionary, codes) after `rounds` rounds from the dictionary `start`.

    signals (N,F) or (P,N,F); start (K,F), shared by all positions, or (P,K,F). The dictionary is (K,F) or
    (P,K,F); the codes are those that the last round's updates leave. learner: "approximate" (Rubinstein,
    Zibulevsky, Elad 2008) or "exact" (Aharon, Elad, Bruckstein 2006: the leading singular pair for each atom).
    Atoms that no signal uses stay as they are; with `replace` they become the signals that are coded worst.
    `progress` is called with the number of positions learned since its last call. device: as of `omp`. Raises
    SparseError as `omp` does. The definition is `learners/ksvd.py`.
    """
    Y, largest, D, single = _together(signals, start)
    if rounds < 1:
        raise SparseError(f"rounds must be at least 1, not {rounds}")
    if learner not in ("approximate", "exact"):
        raise SparseError(f"learner must be 'approximate' or 'exact', not {learner!r}")
    T = capped(sparsity, D.shape)
    power = exponent(largest, reach(Y.dtype))
    Y = scaled(Y, -power)
    threads = threads or cores()
    exact = True if learner == "exact" else None  # None, not False: see `ksvd_cpu.update_block`
    if device != "cpu":
        if exact:
            raise SparseError(f"the exact learner runs on the CPU only, not on {device!r}: use device='cpu'")
        codes = Codes(*on_torch().learn(Y, D, T, rounds, replace, device))
        if progress:
            progress(len(Y))
    elif len(Y) < threads:
        codes = _rounds(Y, D, T, rounds, exact, replace, threads, progress)
    else:
        codes = _positions(Y, D, T, rounds, exact, replace, threads, progress)
    codes = Codes(codes.support, scaled(codes.coefficients, power))
    return (D[0], Codes(codes.support[0], codes.coefficients[0])) if single else (D, codes)


def _together(signals: ArrayLike, start: ArrayLike) -> tuple[Array, float, Array, bool]:
    """Signals (P,N,F), their largest absolute value, a dictionary of their own for each position (P,K,F), and
    whether they came without positions."""
    Y, largest = canonical(signals, "signals")
    D0, farthest = canonical(np.asarray(start, Y.dtype), "start dictionary")
    single = Y.ndim == 2
    Y = Y[None] if single else Y
    if single and D0.ndim == 3:
        raise SparseError(f"signals {Y.shape[1:]} need one start dictionary (K,F), not {D0.shape}")
    if exponent(farthest, NEAR):
        raise SparseError(
            f"the start dictionary's values go up to {farthest:g}, too far from 1:"
            " divide its atoms by their norms (sparse.norms)"
        )
    D = np.array(np.broadcast_to(D0, (len(Y), *D0.shape[-2:])) if D0.ndim == 2 else D0, order="C")
    fit_together(Y, D.shape, single, single)
    return Y, largest, D, single


def _positions(
    Y: Array, D: Array, T: int, rounds: int, exact: bool | None, replace: bool, threads: int, progress: Told
) -> Codes:
    """All rounds of a position on one thread: its signals stay in the cache."""
    codes = Codes(np.empty((*Y.shape[:2], T), np.int32), np.empty((*Y.shape[:2], T), Y.dtype))
    _, count, length = D.shape
    width = padded(count, D.dtype)

    def work(first: int, last: int) -> None:
        from psdl.sparse.learners.ksvd_cpu import code_block, update_block

        room = scratch(count, T, D.dtype)
        transposed, gram = aligned((length, width), D.dtype), aligned((count, width), D.dtype)
        tolerances = stop_tolerance(D.dtype), dependence_tolerance(D.dtype), NEVER
        for p in range(first, last):
            found = codes.support[p], codes.coefficients[p]
            for _ in range(rounds):
                code_block(Y[p], D[p], *tolerances, transposed, gram, room, *found)
                update_block(Y[p], D[p], *found, exact, replace, tolerances[0])
            if progress:
                progress(1)

    split(work, len(Y), threads, each=8)
    return codes


def _rounds(
    Y: Array, D: Array, T: int, rounds: int, exact: bool | None, replace: bool, threads: int, progress: Told
) -> Codes:
    """Round after round, the signals of a position coded on all threads: for fewer positions than threads."""
    from psdl.sparse.learners.ksvd_cpu import update_block

    for _ in range(rounds):
        codes = omp(Y, D, sparsity=T, threads=threads)

        def work(first: int, last: int, codes: Codes = codes) -> None:
            for p in range(first, last):
                found = codes.support[p], codes.coefficients[p]
                update_block(Y[p], D[p], *found, exact, replace, stop_tolerance(Y.dtype))

        split(work, len(Y), threads)
    if progress:
        progress(len(Y))
    return codes
