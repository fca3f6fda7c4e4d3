"""One image's way through a model: signals at each scale, what each part says of them, the score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from psdl.features.extractor import FeatureExtractor, Prepared, Source, file_of
from psdl.input import room
from psdl.jobs.threads import beside
from psdl.scoring import anomaly_map, normalise
from psdl.scoring.scorer import Judge
from psdl.types import Coded, Grid, Score, Signals


class Inference(NamedTuple):
    """image: as it was read and placed; coded: what each part said of it; score: of this one image."""

    image: Prepared
    coded: dict[str, Coded]
    score: Score


def infer(source: Source, extractor: FeatureExtractor, judges: Mapping[str, Judge], threads: int = 1) -> Inference:
    """Judges one image by what each part of the extractor's recipe learned.

    Scales, the largest first, go their ways beside each other where there are threads for it; nothing of the
    result depends on threads. Raises PsdlError on images that cannot be read.
    """
    with room.held(file_of(source)):
        return _infer(extractor.prepare(source), extractor, judges, threads)


def _infer(image: Prepared, extractor: FeatureExtractor, judges: Mapping[str, Judge], threads: int) -> Inference:
    recipe, scales = extractor.recipe, [*reversed(extractor.scales)]
    share = max(1, threads // len(scales))

    def judged(scale: float) -> dict[str, tuple[Coded, Grid]]:
        _, found = extractor.extract_scale(image, scale, share)
        parts = [part for part in recipe.parts if part.name in found]
        return {p.name: (_normalised(judges[p.name], found[p.name], threads), found[p.name].grid) for p in parts}

    found = {name: both for one in beside(judged, scales, threads) for name, both in one.items()}
    coded, grids = ({part.name: found[part.name][n] for part in recipe.parts} for n in (0, 1))
    score = anomaly_map.score({name: one.distance for name, one in coded.items()}, grids, recipe)
    return Inference(image, coded, score)


def _normalised(judge: Judge, found: Signals, threads: int) -> Coded:
    """What a part says of one image, its distance in units of what unseen good images show where the part asks."""
    coded = judge(found, threads)
    if not judge.part.unseen:
        return coded
    return replace(coded, distance=normalise.Unseen.of(judge.state).measure(coded.distance))
