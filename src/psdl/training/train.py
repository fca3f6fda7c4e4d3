"""Good images -> what each part learned, and the calibration from their scores as if unseen."""

from __future__ import annotations

import hashlib
import heapq
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib.metadata import version

from psdl.calibrate.guarantee import check_scale
from psdl.calibrate.thresholds import calibrate, numbered
from psdl.errors import PsdlError
from psdl.features.extractor import FeatureExtractor, Source, identity
from psdl.input.statistics import ImageStatistics
from psdl.jobs.context import RunContext
from psdl.model.known import Averages
from psdl.scoring import anomaly_map, averages, coded
from psdl.training import checkpoint, crossval
from psdl.training.collect import Collected, collect
from psdl.training.copies import groups_of, once
from psdl.training.learner import FittedPart, Learner, fit_part
from psdl.types import (
    F32,
    Calibration,
    Geometry,
    Origin,
    Rates,
    Recipe,
    Score,
    State,
)

__all__ = ["Learned", "learn", "scores"]

LIBRARIES = ("psdl", "numpy", "numba", "onnxruntime", "pillow", "safetensors")  # that results depend on
LARGE = 1 << 20  # pixels of an input above which a model carries one image for its self-test, not three
# Powers of the share that a part explains, in the image score and in the map: one that explains clearly less says
# little of its own.
TRUST, MAP_TRUST = 6, 10
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
        fitted_parts = [fit_part(learner, fold) for learner in learners]
        recipe = _resolved(recipe, fitted_parts)
        unseen = {one.part.name: one.unseen for one in fitted_parts}
        known, found = averages.of_good(collected.stores, unseen, fold, recipe)
    states = {one.part.name: one.state for one in fitted_parts}
    least: list[tuple[float, int, Score]] = []
    unseen_scores = _keeping(scores(unseen, states, recipe), least)
    calibration = calibrate(unseen_scores, rates, groups, collected.origins, found)
    check_scale(calibration, measured=all(part.unseen for part in recipe.parts))
    patches = any("source" in state.arrays for state in states.values())
    return Learned(
        items,
        recipe,
        states,
        calibration,
        collected.origins,
        collected.album if patches else (),
        _golden(collected, calibration),
        _strangest(collected, least),
        collected.reading,
        collected.image_statistics(numbered(groups)),
        known,
    )


def _golden(collected: Collected, calibration: Calibration) -> tuple[int, ...]:
    """The places of the images for the self-test: those with the lowest, the middle and the highest score as if
    unseen, or, where images are large, the one in the middle alone."""
    places = {where: n for n, where in enumerate(collected.origins)}
    height, width = collected.seen[0].geometry.input
    count = len(collected.origins)
    chosen = (0, count // 2, count - 1) if height * width <= LARGE else (count // 2,)
    return tuple(places[calibration.images[n]] for n in chosen)


def _strangest(
    collected: Collected, found: Sequence[tuple[float, int, Score]]
) -> tuple[tuple[int, Score, Geometry, ImageStatistics], ...]:
    """The images that look least like the rest, strangest first, from their image scores, places and scores."""
    ordered = [(n, score, collected.seen[n]) for _, n, score in sorted(found, reverse=True)]
    return tuple((n, score, seen.geometry, seen.statistics) for n, score, seen in ordered)


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


def _weighted(recipe: Recipe, shares: Mapping[str, float]) -> Recipe:
    """The recipe with its parts weighted by `recipe.explained` and by a power of what each explains of unseen good
    signals, in all as much as there are parts; by the first alone where no part explains anything. Likewise for
    image scores by `recipe.image_explained` and a smaller power: a part outlines worse by what it does not explain
    than it tells whether there is a defect."""
    explained = [shares[part.name] for part in recipe.parts]
    weights = _in_all(recipe.explained, [share**MAP_TRUST for share in explained])
    own: Sequence[float | None] = [None] * len(weights)
    if recipe.image_explained:
        own = _in_all(recipe.image_explained, [share**TRUST for share in explained])
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
