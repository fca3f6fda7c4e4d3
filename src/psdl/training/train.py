"""Learns the parts of a recipe from good images, and the calibration from their held-out scores."""

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
# Powers of the share of energy that a part explains, in its weights in the image score and in the map: a part that
# explains clearly less counts little.
TRUST, MAP_TRUST = 6, 10
STRANGEST = 24  # good images with the highest scores that are kept for the user to check


@dataclass(frozen=True)
class Learned:
    """What was learned.

    `items` are the images learned from, one of each group of copies. `recipe` is the recipe with the shrinkage of
    its parts' statistics and, if it asks for that, their weights. `states` are by part. `origins` of the images
    are in their order. `album` holds a small JPEG file of each image if a method's atoms are patches of good
    images; else it is empty. `golden` are indices of the images with the lowest, the median and the highest
    held-out score, or of the median one alone. `strangest` are the images with the highest held-out scores, the
    highest first: index, score, geometry and statistics. `reading` is the share of the extraction's time that
    reading took. `image_statistics` (N,5) holds each image's statistics and the number of its item. `averages`
    says how images are averaged for known defects.
    """

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
    """Learns the states of all parts from all items, and the calibration that keeps `rates`.

    One pass through the network fills a store of signals for each part, in memory or, if `in_memory` is False, in
    files. Part by part, the images of each fold are then judged by a state learned without them, and the final
    state is learned from all images. Results that took long are kept in the run's checkpoint, so that a run that
    was broken off can be continued; see `checkpoint.finished`. Raises PsdlError on images that cannot be read or
    give inputs of several shapes, if all belong to one group or are copies of one picture, and if their scores are
    of no use for thresholds.
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
    """Returns indices of the images for the self-test: those with the lowest, the median and the highest held-out
    score, or the median one alone if images are large."""
    places = {where: n for n, where in enumerate(collected.origins)}
    height, width = collected.seen[0].geometry.input
    count = len(collected.origins)
    chosen = (0, count // 2, count - 1) if height * width <= LARGE else (count // 2,)
    return tuple(places[calibration.images[n]] for n in chosen)


def _strangest(
    collected: Collected, found: Sequence[tuple[float, int, Score]]
) -> tuple[tuple[int, Score, Geometry, ImageStatistics], ...]:
    """Returns the images with the highest image scores, the highest first, from (image score, index, score)."""
    ordered = [(n, score, collected.seen[n]) for _, n, score in sorted(found, reverse=True)]
    return tuple((n, score, seen.geometry, seen.statistics) for n, score, seen in ordered)


def _resolved(recipe: Recipe, fitted_parts: Sequence[FittedPart]) -> Recipe:
    """Returns the recipe with its settled parts, weighted if it asks for that."""
    recipe = replace(recipe, parts=tuple(one.part for one in fitted_parts))
    return (
        _weighted(recipe, {one.part.name: one.explained for one in fitted_parts}) if recipe.explained else recipe
    )


def _key(extractor: FeatureExtractor, items: Sequence[Source], device: str) -> str:
    """Returns a digest of all that the result of learning depends on."""
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
    """Returns the recipe with weighted parts.

    A part's weight is its value in `recipe.explained` times a power of the share of held-out good signals' energy
    that it explains; weights have a mean of 1. If no part explains anything, `recipe.explained` alone counts.
    Weights in the image score follow in the same way from `recipe.image_explained` and a smaller power, since a
    part that explains little outlines defects worse than it detects them.
    """
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
    """Returns the products of two lists, scaled to a mean of 1; if all products are 0, the first list, scaled
    so."""
    found = [weight * count for weight, count in zip(given, counted, strict=True)]
    found = found if any(found) else list(given)
    return [weight / (sum(found) / len(found)) for weight in found]


def scores(distances: Mapping[str, F32], states: Mapping[str, State], recipe: Recipe) -> Iterator[Score]:
    """Yields the score of each of N images from its distances (N,P) by part, one at a time, since N maps at once
    would not fit into memory for large N."""
    grids = {name: state.grid for name, state in states.items()}
    for n in range(len(next(iter(distances.values())))):
        yield anomaly_map.score({name: d[n : n + 1] for name, d in distances.items()}, grids, recipe)


def _keeping(found: Iterator[Score], kept: list[tuple[float, int, Score]]) -> Iterator[Score]:
    """Yields the scores unchanged, and collects those of the STRANGEST highest in `kept` with the images'
    indices."""
    for n, score in enumerate(found):
        heapq.heappush(kept, (float(score.image[0]), n, score))
        if len(kept) > STRANGEST:
            heapq.heappop(kept)
        yield score
