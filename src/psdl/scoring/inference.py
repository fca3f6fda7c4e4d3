"""One image through a model: signals at each scale, what each part says of them, the score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from psdl.calibrate.thresholds import verdict
from psdl.errors import PsdlError
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
    """What known defects are recognised by: how images are averaged, and the classifier, None: it is not used."""

    averages: Averages
    classifier: Classifier | None

    @classmethod
    def of(cls, model: Model, asked: bool) -> Known | None:
        """What a model knows of defects, if it uses that or if averages are `asked` for."""
        if model.averages is None or not (asked or model.classifier):
            return None
        return cls(model.averages, model.classifier)


class Inference(NamedTuple):
    """image: as it was read and placed; coded: what each part said of it; score: of this one image; anomaly: its
    image score without known defects; known: that against them, None without a classifier; averages (D+1,): of the
    image, None where nothing asks for them."""

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
    """Judges one image by what each part of the extractor's recipe learned, and by what is known of defects.

    Scales, the largest first, go their ways beside each other where there are threads for it; nothing of the
    result depends on threads. Raises PsdlError on images that cannot be read, and on those of another size than a
    model of positions knows.
    """
    with room.held(file_of(source)):
        return _infer(extractor.prepare(source), extractor, judges, threads, known)


def _infer(
    image: Prepared, extractor: FeatureExtractor, judges: Mapping[str, Judge], threads: int, known: Known | None
) -> Inference:
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
    """What a part says of one image, its distance in units of what unseen good images show where the part asks."""
    check_grid(found.grid, judge.state.grid)
    coded = judge(found, threads)
    if not judge.part.unseen:
        return coded
    if found.grid != judge.state.grid:
        (tall, wide), (height, width) = found.grid.input, judge.state.grid.input
        raise PsdlError(
            f"the image gives an input of {wide} x {tall} pixels, the model was learned from"
            f" {width} x {height}: give images of its size"
        )
    return replace(coded, distance=normalise.Unseen.of(judge.state).measure(coded.distance))


def judged(found: Inference, model: Model) -> Result:
    """One image judged by a model; where the model learned from it, by its score as if unseen."""
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
    """A good image learned from, by its score as if unseen."""
    value = float(score.image[0])
    verdict_so = verdict(value, model.calibration)
    return Result(value, verdict_so, score.map[0], geometry, {}, model, statistics, anomaly=value)
