"""Good images -> what each part learned, and the calibration from their scores as if unseen."""

from __future__ import annotations

import hashlib
import heapq
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import version
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from psdl.calibrate.guarantee import check_scale
from psdl.calibrate.thresholds import calibrate, numbered
from psdl.errors import PsdlError
from psdl.features.extractor import FeatureExtractor, Source, identity
from psdl.features.store import Store
from psdl.input.statistics import ImageStatistics
from psdl.jobs.context import RunContext
from psdl.methods.base import method_of, params_of
from psdl.model.known import Averages
from psdl.scoring import anomaly_map, averages, coded, normalise
from psdl.scoring.scorer import Judge
from psdl.training import checkpoint, crossval
from psdl.training.checkpoint import NOTHING, Arrays, Checkpoint
from psdl.training.collect import collect
from psdl.training.copies import groups_of, once
from psdl.types import (
    F32,
    Calibration,
    Coded,
    Geometry,
    Origin,
    Part,
    Rates,
    Recipe,
    Run,
    Score,
    State,
)

__all__ = ["FittedPart", "Learned", "Learner", "learn", "scores", "with_statistics"]

LIBRARIES = ("psdl", "numpy", "numba", "onnxruntime", "pillow", "safetensors")  # that results depend on
LARGE = 1 << 20  # pixels of an input above which a model carries one image for its self-test, not three
TRUST = 6  # power of the share that a part explains: one that explains clearly less says little of its own
STRANGEST = 24  # good images kept for a look at the good set


@dataclass(frozen=True)
class Learned:
    """items: the images learned from, of copies of one picture one; recipe: as given, with the shrinkage of its
    parts' statistics, its parts weighted if it asks for that; states by part; calibration; origins of images, in
    their order; album: a small JPEG of each, where a method's atoms are good patches (else empty); golden: the
    places of the images with the lowest, the middle and the highest score as if unseen, or of the middle alone;
    strangest: the images that look least like the rest, strangest first: their places, their scores as if unseen,
    and how they became the network's input; reading: the share of the images' pass through the network that
    reading them took; image_statistics (N,5): of each image its statistics and the number of its item; averages:
    how images are averaged for known defects."""

    items: Sequence[Source]
    recipe: Recipe
    states: dict[str, State]
    calibration: Calibration
    origins: tuple[Origin, ...]
    album: tuple[bytes, ...]
    golden: tuple[int, ...]
    strangest: tuple[tuple[int, Score, Geometry, ImageStatistics], ...]
    reading: float
    image_statistics: F32
    averages: Averages


def learn(
    extractor: FeatureExtractor,
    items: Sequence[Source],
    rates: Rates,
    run: RunContext,
    in_memory: bool = True,
) -> Learned:
    """States by part, learned on all items, and the calibration that keeps `rates`. in_memory: whether signals
    stay there or go to files.

    One pass through the network fills a store for each part. Then, part after part, each fold's images are judged
    by a state learned without them, and the state that is kept is learned on all. What took long is kept in the
    run's checkpoint, so that a run that is broken off goes on; see `checkpoint.finished`. Raises PsdlError on
    images that cannot be read or do not share one grid, when all belong to one group or are copies of one picture,
    and where their scores say nothing.
    """
    recipe, groups = extractor.recipe, groups_of(items)
    fold = crossval.folds(groups, recipe.folds, recipe.seed)
    if fold.max() < 1:
        raise PsdlError("all good images belong to one group, so none can be held out: give at least two groups")
    with ExitStack() as opened:
        key = _key(extractor, items, run.device) if run.checkpoint else ""
        kept = opened.enter_context(checkpoint.opened(run.checkpoint, key, run.say))
        collected = collect(extractor, items, run, opened, in_memory, kept)
        items, collected = once(items, collected, run.say)
        groups = groups_of(items)
        fold = crossval.folds(groups, recipe.folds, recipe.seed)
        work = sum(store.grid.positions for store in collected.stores.values()) * (int(fold.max()) + 2)

        def done(positions: int) -> None:
            run.progress("dictionaries", positions, work)

        learners = [Learner(p, collected.stores[p.name], run.work, done, run.device, kept) for p in recipe.parts]
        fitted_parts = [_fit_part(learner, recipe, fold) for learner in learners]
        recipe = _resolved(recipe, fitted_parts)
        unseen = {one.part.name: one.unseen for one in fitted_parts}
        known, found = averages.of_good(collected.stores, unseen, fold, recipe)
    states = {one.part.name: one.state for one in fitted_parts}
    least: list[tuple[float, int, Score]] = []
    unseen_scores = _keeping(scores(unseen, states, recipe), least)
    calibration = calibrate(unseen_scores, rates, groups, collected.origins, found)
    check_scale(calibration, measured=all(part.unseen for part in recipe.parts))
    patches = any("source" in state.arrays for state in states.values())
    strangest = tuple(
        (n, score, collected.seen[n].geometry, collected.seen[n].statistics)
        for _, n, score in sorted(least, reverse=True)
    )
    places = {where: n for n, where in enumerate(collected.origins)}
    height, width = collected.seen[0].geometry.input
    typical = (0, len(items) // 2, len(items) - 1) if height * width <= LARGE else (len(items) // 2,)
    golden = tuple(places[calibration.images[n]] for n in typical)
    return Learned(
        items,
        recipe,
        states,
        calibration,
        collected.origins,
        collected.album if patches else (),
        golden,
        strangest,
        collected.reading,
        collected.image_statistics(numbered(groups)),
        known,
    )


def _resolved(recipe: Recipe, fitted_parts: Sequence[FittedPart]) -> Recipe:
    """The recipe with its parts as they were settled, weighted if it asks for that."""
    recipe = replace(recipe, parts=tuple(one.part for one in fitted_parts))
    return (
        _weighted(recipe, {one.part.name: one.explained for one in fitted_parts}) if recipe.explained else recipe
    )


def _key(extractor: FeatureExtractor, items: Sequence[Source], device: str) -> str:
    """All that what is learned depends on, in short."""
    frame, network = extractor.frame, extractor.network
    depends = [
        repr(extractor.recipe),
        network.graph_sha256,
        network.weights_sha256,
        device,
        groups_of(items),
        [None if array is None else array.tobytes().hex() for array in (frame.roi, frame.reference)],
        [version(name) for name in LIBRARIES],
        coded.FIELDS,
        [identity(item, n) for n, item in enumerate(items)],
    ]
    return hashlib.sha256(json.dumps(depends).encode()).hexdigest()


class FittedPart(NamedTuple):
    """A part as it was settled, and its state; unseen (N,P): the distances of the good images as if unseen;
    explained: the share of their energy that the part's codes explain, 1 for methods that give no norms."""

    part: Part
    state: State
    unseen: F32
    explained: float


def _fit_part(learner: Learner, recipe: Recipe, fold: NDArray[np.intp]) -> FittedPart:
    found, part = learner.held_out(fold), learner.part
    distances, scale = found.distance, _scale_of(found)
    if part.unseen:
        part = replace(part, shrink=crossval.shrinkage(distances, fold, scale))
    unseen = crossval.measured(distances, fold, part.shrink, scale) if part.unseen else distances
    explained = crossval.explained(found.residual, found.norm)
    return FittedPart(part, with_statistics(learner.learned, part, found), unseen, explained)


def _weighted(recipe: Recipe, shares: Mapping[str, float]) -> Recipe:
    """The recipe with its parts weighted by `recipe.explained` and by a power of what each explains of unseen good
    signals, in all as much as there are parts; by the first alone where no part explains anything. Likewise for
    image scores by `recipe.image_explained`."""
    counted = [shares[part.name] ** TRUST for part in recipe.parts]
    weights = _in_all(recipe.explained, counted)
    own = _in_all(recipe.image_explained, counted) if recipe.image_explained else [None] * len(weights)
    parts = (
        replace(part, weight=weight, image_weight=image_weight)
        for part, weight, image_weight in zip(recipe.parts, weights, own, strict=True)
    )
    return replace(recipe, parts=tuple(parts))


def _in_all(given: Sequence[float], counted: Sequence[float]) -> list[float]:
    """The products of two lists, with a mean of 1; the first list where all products are 0."""
    found = [weight * count for weight, count in zip(given, counted, strict=True)]
    found = found if any(found) else list(given)
    return [weight / (sum(found) / len(found)) for weight in found]


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
        atoms are patches of known images, that of all images without the fold's own atoms. New images are judged
        by the very dictionary then, less a few atoms, and nothing is learned twice."""
        fit = self._without if "source" in self.learned.arrays else self.fit
        return crossval.judged(fit, self.judge, fold, self.keep)

    def _without(self, rows: NDArray[np.intp]) -> State:
        """The state of all images less the atoms of those that are not among `rows`."""
        self.done(self.store.grid.positions)
        return crossval.without(self.learned, ~np.isin(np.arange(self.store.count), rows))

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


def scores(distances: Mapping[str, F32], states: Mapping[str, State], recipe: Recipe) -> Iterator[Score]:
    """The score of each image from its distances (N,P) by part, one at a time: N maps at once would not fit for
    large N."""
    grids = {name: state.grid for name, state in states.items()}
    for n in range(len(next(iter(distances.values())))):
        yield anomaly_map.score({name: d[n : n + 1] for name, d in distances.items()}, grids, recipe)


def _keeping(found: Iterator[Score], kept: list[tuple[float, int, Score]]) -> Iterator[Score]:
    """The scores as they pass; those of the strangest images stay in `kept`, with the images' places."""
    for n, score in enumerate(found):
        heapq.heappush(kept, (float(score.image[0]), n, score))
        if len(kept) > STRANGEST:
            heapq.heappop(kept)
        yield score
