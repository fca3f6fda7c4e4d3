"""One image's way through a model: signals at each scale, what each part says of them, the score."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from psdl.backbone.session import Session
from psdl.calibrate.thresholds import verdict
from psdl.features.extractor import Ready, Source, at_scale, ready
from psdl.input.statistics import Look
from psdl.jobs.threads import beside
from psdl.model import recipes
from psdl.model.model import Model
from psdl.scoring import anomaly_map as scoring
from psdl.scoring import normalise
from psdl.scoring.averages import averaged
from psdl.scoring.known import known_score
from psdl.scoring.result import Result
from psdl.scoring.scorer import Judge
from psdl.types import F32, Coded, Geometry, Part, Recipe, Score, Signals


class Through(NamedTuple):
    """image: as it was read and placed; coded: what each part said of it; score: of this one image; anomaly: its
    score without known defects; known: its score against them, None where the model has no classifier; averages
    (D,): of the image, where they were asked for or needed."""

    image: Ready
    coded: dict[str, Coded]
    score: Score
    anomaly: float
    known: float | None = None
    averages: F32 | None = None


def through(
    source: Source,
    model: Model,
    recipe: Recipe,
    session: Callable[[int], Session],
    judges: Mapping[str, Judge],
    threads: int,
    with_averages: bool = False,
) -> Through:
    """Judges one image by a model's judges, its input as `recipe` has it.

    Scales, the largest first, go their ways beside each other where there are threads for it. session: the network
    with so many threads. Nothing of the result depends on threads. Raises PsdlError like `extract`.
    """
    network, frame, image = model.network, model.frame, ready(source, recipe, model.frame)
    scales = [*reversed(recipes.passes(recipe, network.taps))]
    share = session(max(1, threads // len(scales)))

    def judged(scale: float) -> dict[str, tuple[Coded, Signals]]:
        _, found = at_scale(image, scale, share, network, recipe, frame)
        parts = [part for part in recipe.parts if part.name in found]
        return {p.name: (_measured(p, found[p.name], model, judges, threads), found[p.name]) for p in parts}

    found = {name: both for one in beside(judged, scales, threads) for name, both in one.items()}
    coded = {part.name: found[part.name][0] for part in recipe.parts}
    signals = {part.name: found[part.name][1] for part in recipe.parts}
    distances = {name: one.distance for name, one in coded.items()}
    score = scoring.score(distances, {name: one.grid for name, one in signals.items()}, recipe)
    anomaly = float(score.image[0])
    if model.averages is None or not (with_averages or model.classifier):
        return Through(image, coded, score, anomaly)
    means = averaged(signals, distances, model.averages, recipe)
    if model.classifier is None:
        return Through(image, coded, score, anomaly, None, means)
    against = known_score(score.image, means[None], model.classifier)
    joint = replace(score, image=np.maximum(score.image, against))
    return Through(image, coded, joint, anomaly, float(against[0]), means)


def _measured(part: Part, found: Signals, model: Model, judges: Mapping[str, Judge], threads: int) -> Coded:
    """What a part says of one image, its distance measured against unseen good ones where the part asks."""
    coded = judges[part.name](found, threads)
    if not part.unseen:
        return coded
    return replace(coded, distance=normalise.Unseen.of(model.states[part.name]).measure(coded.distance))


def result_of(found: Through, model: Model, averages: bool = False) -> Result:
    """One image judged by a model; with its averages if these are asked for."""
    value = float(found.score.image[0])
    return Result(
        score=value,
        verdict=verdict(value, model.calibration),
        input_map=found.score.map[0],
        geometry=found.image.geometry,
        coded=found.coded,
        model=model,
        look=found.image.look,
        anomaly=found.anomaly,
        known=found.known,
        averages=found.averages if averages else None,
    )


def as_unseen(score: Score, geometry: Geometry, look: Look, model: Model) -> Result:
    """A good image learned from, by its score as if unseen."""
    value = float(score.image[0])
    return Result(value, verdict(value, model.calibration), score.map[0], geometry, {}, model, look, value)
