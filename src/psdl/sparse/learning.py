"""Dictionary learning: checks arguments, then alternates coding and updates, with positions spread over
threads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from threading import Lock
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arrays import Array, Signals, canonical, exponent, largest, reach, scaled, whole_number
from .codes import Codes
from .errors import SparseError
from .initialisers import norms, unit
from .learners.ksvd import ALIKE, few
from .limits import Limits, limits_of
from .prepared import Prepared, prepare_lazily
from .pursuits.omp import stop_tolerance
from .running import code, code_trimmed, on_torch
from .threads import counted, split

PATIENCE = 3  # rounds in a row that must bring little before learning stops early


class Round(NamedTuple):
    """The outcome of one round of learning: the position; the number of the round, from 1; the mean energy of the
    signals' residuals after the update of the atoms; the mean number of atoms that a code uses; and a copy of the
    dictionary (K,F)."""

    position: int
    number: int
    error: float
    atoms: float
    dictionary: Array


Advanced = Callable[[int], None] | None
Called = Callable[[Round], Any] | None


@dataclass(frozen=True)
class _Plan:
    """The arguments of `learn` after checking."""

    limits: Limits
    trimmed: bool
    rounds: int
    exact: bool | None  # None, not False: see `ksvd_cpu.update_block`
    replace: bool
    fixed: int
    stop: float | None


def learn(
    signals: ArrayLike,
    start: ArrayLike,
    *,
    sparsity: int | None = None,
    tolerance: float | None = None,
    rounds: int,
    learner: Literal["approximate", "exact"] = "approximate",
    replace: bool = True,
    fixed: int = 0,
    stop: float | None = None,
    callback: Called = None,
    threads: int | None = None,
    progress: Advanced = None,
    device: str = "cpu",
) -> tuple[Array, Codes]:
    """K-SVD: returns the dictionary and the codes after `rounds` rounds from the dictionary `start`, which may be
    the result of an earlier call.

    Signals are (N,F) or (P,N,F). `start` is (K,F), the same for all positions, or (P,K,F); its atoms are
    normalised. The dictionary is (K,F) or (P,K,F). The codes are those after the updates of the last round.
    `sparsity` and `tolerance` are as in `omp`; with a tolerance this is the error-constrained K-SVD. `learner` is
    "approximate" (Rubinstein, Zibulevsky, Elad 2008) or "exact" (Aharon, Elad, Bruckstein 2006: the leading
    singular pair for each atom). With `replace`, atoms that few signals use or that resemble another atom are
    replaced between rounds by the signals that are coded worst (the rule of the K-SVD paper); else atoms without
    users stay as they are. The first `fixed` atoms do not change, such as a constant one.

    `callback` is called with a `Round` after each round of each position, one call at a time; if it returns a true
    value, learning of that position ends. `stop` ends a position when its objective fell by less than this share
    in each of three successive rounds; the objective is the error, or with a tolerance the number of atoms.
    `progress` is called with the number of rounds done since its last call, positions times `rounds` in all.
    `device` is as in `omp`; the exact learner, `callback` and `stop` need the CPU. Raises SparseError like `omp`.
    The definition is `learners/ksvd.py`.
    """
    Y, D, powers, single = _together(signals, start)
    rounds = whole_number(rounds, "rounds")
    if learner not in ("approximate", "exact"):
        raise SparseError(f"learner must be 'approximate' or 'exact', not {learner!r}")
    if stop is not None and not 0 <= stop < 1:
        raise SparseError(
            f"stop, the share by which the objective must fall, must be from 0 to below 1, not {stop}"
        )
    limits = _limits(sparsity, tolerance, Y, D, powers)
    kept = _fixed(fixed, D)
    exact = True if learner == "exact" else None
    plan = _Plan(limits, sparsity is None, rounds, exact, replace, kept, stop)
    if device == "cpu":
        codes = _on_cpu(Y, D, plan, threads, _Reporter(callback, progress, powers))
    else:
        codes = _on_device(Y, D, plan, device, callback, progress)
    codes = Codes(codes.support, _rescaled(codes.coefficients, powers), D.shape[1])
    return (D[0], Codes(codes.support[0], codes.coefficients[0], D.shape[1])) if single else (D, codes)


def _together(signals: ArrayLike, start: ArrayLike) -> tuple[Array, Array, NDArray[np.int32], bool]:
    """Returns signals (P,N,F), those of each position divided by a power of two that brings them near 1; one
    dictionary for each position (P,K,F); the exponents (P,); and whether the signals were given without
    positions."""
    Y, _ = canonical(signals, "signals")
    single = Y.ndim == 2
    Y = Y[None] if single else Y
    D = initial(start, Y.dtype)
    if single and D.ndim == 3:
        raise SparseError(f"signals {Y.shape[1:]} need one start dictionary (K,F), not {D.shape}")
    D = np.array(np.broadcast_to(D, (len(Y), *D.shape)) if D.ndim == 2 else D, order="C")
    if len(Y) != len(D) or Y.shape[2] != D.shape[2]:
        raise SparseError(
            f"signals of shape {Y.shape[single:]} do not fit a start dictionary of shape {D.shape[single:]}:"
            " expected (N,F) with (K,F), or (P,N,F) with (K,F) or (P,K,F)"
        )
    powers = np.array([exponent(largest(y), reach(Y.dtype)) for y in Y], np.int32)
    if powers.any():
        Y = np.ldexp(Y, -powers[:, None, None])
    return Y, D, powers, single


def initial(start: ArrayLike, dtype: np.dtype[Any]) -> Array:
    """Returns a start dictionary (K,F) or (P,K,F) in `dtype` with atoms of unit norm, or zero. Atoms that have
    unit norm within rounding do not change. Raises SparseError if it is empty or not finite."""
    D, _ = canonical(start, "start dictionary")
    if 0 in D.shape[-2:]:
        raise SparseError(f"a start dictionary needs atoms, of at least one number, not shape {D.shape}")
    off = np.abs(norms(D) - 1) > stop_tolerance(dtype)
    return (np.where(off, unit(D), D) if off.any() else D).astype(dtype)


def _limits(
    sparsity: int | None, tolerance: float | None, Y: Array, D: Array, powers: NDArray[np.int32]
) -> Limits:
    """Returns the limits of each signal, at the scale of its position."""
    shape = Y.shape[:2]
    each = np.broadcast_to(powers[:, None], shape) if powers.any() else None
    given = Signals(Y, each, Y.dtype, shape)
    return limits_of("omp", sparsity, tolerance, given, Prepared(D, D, D, None, True, D.dtype, 0, False))


def _fixed(fixed: int, D: Array) -> int:
    count = whole_number(fixed, "fixed, the number of atoms that stay,", 0)
    if count > D.shape[1]:
        raise SparseError(f"fixed, the number of atoms that stay, must be at most the {D.shape[1]} there are")
    return count


def _rescaled(x: Array, powers: NDArray[np.int32]) -> Array:
    return np.ldexp(x, powers[:, None, None]) if powers.any() else x


class _Reporter:
    """Reports rounds to the caller, one at a time, and says whether a position may stop."""

    def __init__(self, callback: Called, progress: Advanced, powers: NDArray[np.int32]) -> None:
        self.callback, self.progress, self.powers, self.lock = callback, progress, powers, Lock()

    def report(self, done: Round) -> bool:
        """Reports a round. Returns whether the position is to end."""
        if self.callback is None:
            return False
        error = float(np.ldexp(done.error, 2 * int(self.powers[done.position])))
        with self.lock:
            return bool(self.callback(done._replace(error=error, dictionary=done.dictionary.copy())))

    def advance(self, rounds: int) -> None:
        """Reports the number of rounds that are done or not needed any more."""
        if self.progress and rounds:
            with self.lock:
                self.progress(rounds)


def _on_cpu(Y: Array, D: Array, plan: _Plan, threads: int | None, reporter: _Reporter) -> Codes:
    """Learns positions in parallel, one thread each; if there are fewer positions than threads, one after another
    with all."""
    found: list[tuple[Array, Array]] = [(Y, Y)] * len(Y)
    inner = 1 if len(Y) >= counted(threads) else threads

    def work(first: int, last: int) -> None:
        for p in range(first, last):
            found[p] = _position(Y[p], D[p], plan, p, inner, reporter)

    split(work, len(Y), threads if inner == 1 else 1, each=8)
    width = max((support.shape[1] for support, _ in found), default=plan.limits.sparsity)
    shape = (*Y.shape[:2], width)
    codes = Codes(np.full(shape, -1, np.int32), np.zeros(shape, Y.dtype))
    for p, (support, x) in enumerate(found):
        codes.support[p, :, : support.shape[1]], codes.coefficients[p, :, : x.shape[1]] = support, x
    return codes


def _position(
    Y: Array, D: Array, plan: _Plan, p: int, threads: int | None, reporter: _Reporter
) -> tuple[Array, Array]:
    """Does all rounds of one position: signals (N,F), dictionary (K,F) in place. Returns support and coefficients
    (N,T)."""
    from .learners.ksvd_cpu import replace_block, update_block

    limits = Limits(plan.limits.sparsity, plan.limits.atoms[p : p + 1], plan.limits.enough[p : p + 1])
    pursue = code_trimmed if plan.trimmed else code
    residual, tolerance = np.empty_like(Y), stop_tolerance(Y.dtype)
    objectives: list[float] = []
    for number in range(1, plan.rounds + 1):
        prepared = prepare_lazily(D, D.dtype)
        support, x = (each[0] for each in pursue("omp", Y[None], prepared, limits, threads))
        if prepared.power:
            x = scaled(x, -prepared.power)
        energy = update_block(Y, D, support, x, residual, plan.fixed, plan.exact)
        done = Round(p, number, energy / max(len(Y), 1), float((support >= 0).sum() / max(len(Y), 1)), D)
        objectives.append(done.atoms if plan.limits.enough.max(initial=-1) >= 0 else done.error)
        if reporter.report(done) or _settled(objectives, plan.stop):
            reporter.advance(plan.rounds - number + 1)
            break
        if plan.replace and number < plan.rounds:
            replace_block(Y, D, support, residual, plan.fixed, (ALIKE, few(support, len(D))), tolerance)
        reporter.advance(1)
    return support, x


def _settled(objectives: list[float], stop: float | None) -> bool:
    """Returns whether the objective fell by less than the share `stop` in each of the last PATIENCE rounds."""
    if stop is None or len(objectives) <= PATIENCE:
        return False
    last = objectives[-PATIENCE - 1 :]
    return all(after > (1 - stop) * before for before, after in pairwise(last))


def _on_device(Y: Array, D: Array, plan: _Plan, device: str, callback: Called, progress: Advanced) -> Codes:
    """Learns on a torch device. Raises SparseError on options that only the CPU has."""
    if plan.exact:
        raise SparseError(f"the exact learner runs on the CPU only, not on {device!r}: use device='cpu'")
    if callback is not None or plan.stop is not None:
        raise SparseError(f"callback and stop work on the CPU only, not on {device!r}: use device='cpu'")
    codes = Codes(*on_torch().learn(Y, D, plan.limits, plan.rounds, plan.replace, plan.fixed, device))
    if progress:
        progress(len(Y) * plan.rounds)
    return codes
