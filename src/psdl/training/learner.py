"""A part of a recipe and its signals -> what its method learns, and what it says of images that it has not
seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from psdl.features.store import Store
from psdl.methods.base import method_of, params_of, separable
from psdl.scoring import coded, normalise
from psdl.scoring.scorer import Judge
from psdl.training import crossval
from psdl.training.checkpoint import NOTHING, Arrays, Checkpoint
from psdl.types import F32, Coded, Part, Run, State

__all__ = ["FittedPart", "Learner", "fit_part", "with_statistics"]


@dataclass(frozen=True)
class Learner:
    """A part's method at work on its store."""

    part: Part
    store: Store
    run: Run
    done: Callable[[int], None] = lambda _: None
    device: str = "cpu"
    kept: Checkpoint = NOTHING

    def held_out(self, fold: NDArray[np.intp]) -> Coded:
        """What is said of each image by the state of the other folds, arrays (N,P): learned on them, or, where
        atoms are patches of known images, that of all images less what it has of the fold. New images are judged
        by the very dictionary then, less a few atoms, and none is learned twice."""
        if "source" not in self.learned.arrays:
            return crossval.judged(self.fit, self.judge, fold, self.keep)
        without = self._without(fold)

        def state(rows: NDArray[np.intp]) -> State:
            self.done(self.store.grid.positions)
            return without(rows)

        return crossval.judged(state, self.judge, fold, self.keep)

    def _without(self, fold: NDArray[np.intp]) -> Callable[[NDArray[np.intp]], State]:
        """A function of the rows of all folds but one: the state of all images as if only those had been there."""
        method = method_of(self.part)
        if separable(method):
            return method.held_out(self.learned, self.store, params_of(self.part), fold)
        return lambda rows: crossval.without(self.learned, ~np.isin(np.arange(self.store.count), rows))

    @cached_property
    def learned(self) -> State:
        """The state of all images; not learned again if it was kept."""
        arrays = self._kept("all", lambda: self.fit(np.arange(self.store.count)).arrays)
        return State(self.store.grid, arrays)

    def keep(self, fold: int, compute: Callable[[], Coded]) -> Coded:
        """What `compute` gives of a fold's images; not computed again if it was kept."""
        return coded.of_arrays(self._kept(f"fold-{fold}", lambda: coded.arrays(compute())))

    def _kept(self, name: str, compute: Callable[[], Arrays]) -> Arrays:
        found, known = self.kept.arrays(f"{self.part.name}-{self.part.method}-{name}", compute)
        if known:
            self.done(self.store.grid.positions)
        return found

    def fit(self, rows: NDArray[np.intp]) -> State:
        method = method_of(self.part)
        return method.fit(self.store, rows, params_of(self.part), self.run, self.done, self.device)

    def judge(self, state: State, rows: NDArray[np.intp]) -> Coded:
        """What the state says of the store's images `rows`, see `Judge.rows`."""
        return Judge(self.part, state, self.device).rows(self.store, rows, self.run)


class FittedPart(NamedTuple):
    """A part as it was settled, and its state; unseen (N,P): the distances of the good images as if unseen;
    explained: the share of their energy that the part's codes explain, 1 for methods that give no norms."""

    part: Part
    state: State
    unseen: F32
    explained: float


def fit_part(learner: Learner, fold: NDArray[np.intp]) -> FittedPart:
    """Learns a part on all images, and measures what it says of each as if unseen. fold (N,): the fold of each
    image."""
    found, part = learner.held_out(fold), learner.part
    distances, scale = found.distance, _scale_of(found)
    if part.unseen:
        part = replace(part, shrink=crossval.shrinkage(distances, fold, scale))
    unseen = crossval.measured(distances, fold, part.shrink, scale) if part.unseen else distances
    explained = crossval.explained(found.residual, found.norm)
    return FittedPart(part, with_statistics(learner.learned, part, found), unseen, explained)


def with_statistics(state: State, part: Part, found: Coded) -> State:
    """The state with what unseen good images show at each position: of the distance, if the part is measured by
    it; and of codes and residuals, which reasons are given by. found: arrays (N,P) of N such images."""
    if part.unseen:
        state = normalise.statistics(found.distance, part.shrink, _scale_of(found)).into(state)
    if found.code is not None:
        state = normalise.statistics(found.code).into(state, "code")
    if found.residual is not None:
        state = normalise.statistics(found.residual).into(state, "residual")
    return state


def _scale_of(found: Coded) -> float:
    """The mean norm of the signals that were coded: how large a distance can be. 0 where it is not known."""
    return 0.0 if found.norm is None else float(found.norm.mean())
