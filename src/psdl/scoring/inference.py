"""Scores one image by a model: signals at each scale, the output of each branch, and the score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from psdl.calibrate.thresholds import verdict
from psdl.features.extractor import FeatureExtractor, Prepared, Source, digest, file_of
from psdl.input import room
from psdl.input.statistics import ImageStatistics
from psdl.jobs.threads import beside
from psdl.model.known import Averages, Classifier
from psdl.model.model import Model
from psdl.scoring import anomaly_map, normalise
from psdl.scoring.averages import averaged
from psdl.scoring.known import known_score
from psdl.scoring.result import Result, as_if_unseen
from psdl.scoring.scorer import Judge, check_grid
from psdl.types import F32, Coded, Geometry, Score, Signals

__all__ = ["Inference", "Known", "held_out", "infer", "judged"]


class Known(NamedTuple):
    """What is needed to recognise known defects: how images are averaged, and the classifier, or None if it is not
    used."""

    averages: Averages
    classifier: Classifier | None

    @classmethod
    def of(cls, model: Model, asked: bool) -> Known | None:
        """Returns what a model knows of defects.

        The result is None if the model has no averages, or if it has no classifier and the averages are not
        `asked` for.
        """
        if model.averages is None or not (asked or model.classifier):
            return None
        return cls(model.averages, model.classifier)


class Inference(NamedTuple):
    """The scores of one image and all intermediate results that are used later.

    - `image` is the image as it was read and placed.
    - `coded` has the output of each branch, by its name.
    - `score` has the map and the image score; the latter is the larger one of `anomaly` and `known`.
    - `anomaly` is the image score without known defects.
    - `known` is the score against known defects, or None without a classifier.
    - `averages` (D+1,) are the averages of the image, or None if nothing needs them.
    """

    image: Prepared
    coded: dict[str, Coded]
    score: Score
    anomaly: float
    known: float | None = None
    averages: F32 | None = None


def infer(
    source: Source,
    extractor: FeatureExtractor,
    judges: Mapping[str, Judge],
    threads: int = 1,
    known: Known | None = None,
) -> Inference:
    """Scores one image by the fitted states of all branches, and by what is known of defects.

    `judges` has the fitted state of each branch of the extractor's recipe, by its name. `threads` is the number of
    threads for this image: scales are processed in parallel as far as there are threads. The result does not
    depend on it. Raises PsdlError if the image cannot be read, and if its grids are not those that the branches
    were fitted on.
    """
    with room.held(file_of(source)):
        return _infer(extractor.prepare(source), extractor, judges, threads, known)


def _infer(
    image: Prepared, extractor: FeatureExtractor, judges: Mapping[str, Judge], threads: int, known: Known | None
) -> Inference:
    """Scores an image that was read and placed."""
    recipe, scales = extractor.recipe, [*reversed(extractor.scales)]
    share = max(1, threads // len(scales))

    def judged(scale: float) -> dict[str, tuple[Coded, Signals]]:
        _, found = extractor.extract_scale(image, scale, share)
        parts = [part for part in recipe.parts if part.name in found]
        return {p.name: (_normalised(judges[p.name], found[p.name], threads), found[p.name]) for p in parts}

    found = {name: both for one in beside(judged, scales, threads) for name, both in one.items()}
    coded = {part.name: found[part.name][0] for part in recipe.parts}
    signals = {part.name: found[part.name][1] for part in recipe.parts}
    distances = {name: one.distance for name, one in coded.items()}
    score = anomaly_map.score(distances, {name: one.grid for name, one in signals.items()}, recipe)
    plain = Inference(image, coded, score, float(score.image[0]))
    if known is None:
        return plain
    means = averaged(signals, distances, known.averages, recipe)
    if known.classifier is None:
        return plain._replace(averages=means)
    against = known_score(score.image, means[None], known.classifier)
    joint = replace(score, image=np.maximum(score.image, against))
    return plain._replace(score=joint, known=float(against[0]), averages=means)


def _normalised(judge: Judge, found: Signals, threads: int) -> Coded:
    """Returns the output of a branch for one image, with its distances standardised if the branch asks for it."""
    check_grid(found.grid, judge.state.grid)
    coded = judge(found, threads)
    if not judge.part.unseen:
        return coded
    return replace(coded, distance=normalise.Unseen.of(judge.state).measure(coded.distance))


def judged(found: Inference, model: Model) -> Result:
    """Returns the result of an image: the verdict of a model on its score.

    If the model learned from this image, the score is the one from when it was held out.
    """
    seen, score = digest(found.image), float(found.score.image[0])
    value = as_if_unseen(score, seen, model)
    return Result(
        score=value,
        verdict=verdict(value, model.calibration),
        input_map=found.score.map[0],
        geometry=found.image.geometry,
        coded=found.coded,
        model=model,
        statistics=found.image.statistics,
        digest=seen,
        anomaly=found.anomaly if value == score else value,
        known=found.known if value == score else None,
        averages=found.averages,
    )


def held_out(score: Score, geometry: Geometry, statistics: ImageStatistics, model: Model) -> Result:
    """Returns the result of a good image that the model learned from, by its score from when it was held out."""
    value = float(score.image[0])
    verdict_so = verdict(value, model.calibration)
    return Result(value, verdict_so, score.map[0], geometry, {}, model, statistics, anomaly=value)
