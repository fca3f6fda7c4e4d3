"""One image's way through a model: signals at each scale, what each part says of them, the score."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

from psdl.backbone.session import Session
from psdl.features.extractor import Ready, Source, at_scale, file_of, ready
from psdl.input import room
from psdl.jobs.threads import beside
from psdl.model import recipes
from psdl.model.model import Model
from psdl.scoring import anomaly_map as scoring
from psdl.scoring import normalise
from psdl.scoring.scorer import Judge
from psdl.types import Coded, Grid, Part, Recipe, Score, Signals


class Through(NamedTuple):
    """image: as it was read and placed; coded: what each part said of it; score: of this one image."""

    image: Ready
    coded: dict[str, Coded]
    score: Score


def through(
    source: Source,
    model: Model,
    recipe: Recipe,
    session: Callable[[int], Session],
    judges: Mapping[str, Judge],
    threads: int,
) -> Through:
    """Judges one image by a model's judges, its input as `recipe` has it.

    Scales, the largest first, go their ways beside each other where there are threads for it. session: the network
    with so many threads. Nothing of the result depends on threads. Raises PsdlError like `extract`.
    """
    with room.held(file_of(source)):
        return _through(ready(source, recipe, model.frame), model, recipe, session, judges, threads)


def _through(
    image: Ready,
    model: Model,
    recipe: Recipe,
    session: Callable[[int], Session],
    judges: Mapping[str, Judge],
    threads: int,
) -> Through:
    network, frame = model.network, model.frame
    scales = [*reversed(recipes.passes(recipe, network.taps))]
    share = session(max(1, threads // len(scales)))

    def judged(scale: float) -> dict[str, tuple[Coded, Grid]]:
        _, found = at_scale(image, scale, share, network, recipe, frame)
        parts = [part for part in recipe.parts if part.name in found]
        return {p.name: (_measured(p, found[p.name], model, judges, threads), found[p.name].grid) for p in parts}

    found = {name: both for one in beside(judged, scales, threads) for name, both in one.items()}
    coded, grids = ({part.name: found[part.name][n] for part in recipe.parts} for n in (0, 1))
    return Through(image, coded, scoring.score({name: c.distance for name, c in coded.items()}, grids, recipe))


def _measured(part: Part, found: Signals, model: Model, judges: Mapping[str, Judge], threads: int) -> Coded:
    """What a part says of one image, its distance measured against unseen good ones where the part asks."""
    coded = judges[part.name](found, threads)
    if not part.unseen:
        return coded
    return replace(coded, distance=normalise.Unseen.of(model.states[part.name]).measure(coded.distance))
