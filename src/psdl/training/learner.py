"""Learns one part of a recipe from its signals, and judges good images as held out."""

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
    """The method of one part applied to the part's store of signals."""

    part: Part
    store: Store
    run: Run
    done: Callable[[int], None] = lambda _: None
    device: str = "cpu"
    kept: Checkpoint = NOTHING

    def held_out(self, fold: NDArray[np.intp]) -> Coded:
        """Judges each image by a state without the images of its fold, and returns arrays (N,P).

        `fold` (N,) is the fold of each image. The state is learned on the other folds. Where atoms are patches of
        known images it is instead the state of all images without the atoms cut from that fold. New images are
        then judged by the same dictionary but for a few atoms, and no dictionary is learned twice.
        """
        if "source" not in self.learned.arrays:
            return crossval.judged(self.fit, self.judge, fold, self.keep)
        without = self._without(fold)

        def state(rows: NDArray[np.intp]) -> State:
            self.done(self.store.grid.positions)
            return without(rows)

        return crossval.judged(state, self.judge, fold, self.keep)

    def _without(self, fold: NDArray[np.intp]) -> Callable[[NDArray[np.intp]], State]:
        """Returns a function of the image indices of all folds but one that gives the state of all images as if
        only these had been there."""
        method = method_of(self.part)
        if separable(method):
            return method.held_out(self.learned, self.store, params_of(self.part), fold)
        return lambda rows: crossval.without(self.learned, ~np.isin(np.arange(self.store.count), rows))

    @cached_property
    def learned(self) -> State:
        """The state learned from all images, or the one that the checkpoint holds."""
        arrays = self._kept("all", lambda: self.fit(np.arange(self.store.count)).arrays)
        return State(self.store.grid, arrays)

    def keep(self, fold: int, compute: Callable[[], Coded]) -> Coded:
        """Returns what `compute` says of a fold's images, or what the checkpoint holds."""
        return coded.of_arrays(self._kept(f"fold-{fold}", lambda: coded.arrays(compute())))

    def _kept(self, name: str, compute: Callable[[], Arrays]) -> Arrays:
        found, known = self.kept.arrays(f"{self.part.name}-{self.part.method}-{name}", compute)
        if known:
            self.done(self.store.grid.positions)
        return found

    def fit(self, rows: NDArray[np.intp]) -> State:
        """Learns a state from the images `rows`."""
        method = method_of(self.part)
        return method.fit(self.store, rows, params_of(self.part), self.run, self.done, self.device)

    def judge(self, state: State, rows: NDArray[np.intp]) -> Coded:
        """Says what a state makes of the store's images `rows`; see `Judge.rows`."""
        return Judge(self.part, state, self.device).rows(self.store, rows, self.run)


class FittedPart(NamedTuple):
    """A part with its settled statistics, and its state. `unseen` (N,P) are the held-out distances of the good
    images. `explained` is the share of their signals' energy that the codes explain, 1 for methods that give no
    norms."""

    part: Part
    state: State
    unseen: F32
    explained: float


def fit_part(learner: Learner, fold: NDArray[np.intp]) -> FittedPart:
    """Learns a part from all images, and judges each image as held out. `fold` (N,) is the fold of each image."""
    found, part = learner.held_out(fold), learner.part
    distances, scale = found.distance, _scale_of(found)
    if part.unseen:
        part = replace(part, shrink=crossval.shrinkage(distances, fold, scale))
    unseen = crossval.measured(distances, fold, part.shrink, scale) if part.unseen else distances
    explained = crossval.explained(found.residual, found.norm)
    return FittedPart(part, with_statistics(learner.learned, part, found), unseen, explained)


def with_statistics(state: State, part: Part, found: Coded) -> State:
    """Returns the state with statistics of held-out good images at each position: of the distance, if the part is
    standardised by it, and of codes and residuals, by which reasons are given. `found` holds arrays (N,P) of N
    images."""
    if part.unseen:
        state = normalise.statistics(found.distance, part.shrink, _scale_of(found)).into(state)
    if found.code is not None:
        state = normalise.statistics(found.code).into(state, "code")
    if found.residual is not None:
        state = normalise.statistics(found.residual).into(state, "residual")
    return state


def _scale_of(found: Coded) -> float:
    """Returns the mean norm of the coded signals, the scale of the largest distances; 0 if it is not known."""
    return 0.0 if found.norm is None else float(found.norm.mean())
