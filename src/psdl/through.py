"""One image's way through a model: signals at each scale, what each part says of them, the score."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from psdl import heldout, recipes
from psdl import score as scoring
from psdl.backbone.session import Session
from psdl.extract import Source, at_scale, ready
from psdl.jobs.threads import beside
from psdl.judge import Judge
from psdl.looks import Look, look
from psdl.model import Model
from psdl.types import F64, Coded, Geometry, Part, Recipe, Score, Signals


class Through(NamedTuple):
    """geometry: how the image became the network's input; look: of it as it was read; coded: what each part said
    of it; score: of this one image."""

    geometry: Geometry
    look: Look
    coded: dict[str, Coded]
    score: Score


class _Seen(NamedTuple):
    """What a part said of an image, and what it adds to its map (1,H,W)."""

    coded: Coded
    added: F64


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
    network, frame, image = model.network, model.frame, ready(source, recipe, model.frame)
    scales = [*reversed(recipes.passes(recipe, network.taps))]
    share = session(max(1, threads // len(scales)))

    def seen(scale: float) -> dict[str, _Seen]:
        _, found = at_scale(image, scale, share, network, recipe, frame)
        return {part.name: judged(part, found[part.name]) for part in recipe.parts if part.name in found}

    def judged(part: Part, found: Signals) -> _Seen:
        coded = _measured(part, judges[part.name](found, threads), model)
        return _Seen(coded, scoring.weighed(part, coded.distance, found.grid, recipe.smoothing))

    ways = [*(partial(seen, scale) for scale in scales), partial(look, image.pixels)]
    *scaled, looked = beside(lambda way: way(), ways, threads)
    parts = {name: one for found in scaled for name, one in found.items()}
    coded = {part.name: parts[part.name].coded for part in recipe.parts}
    score = scoring.summed({name: one.added for name, one in parts.items()}, recipe, frame.roi)
    return Through(image.geometry, looked, coded, score)


def _measured(part: Part, coded: Coded, model: Model) -> Coded:
    """What a part said of one image, its distance measured against unseen good ones where the part asks."""
    if not part.unseen:
        return coded
    return replace(coded, distance=heldout.Unseen.of(model.states[part.name]).measure(coded.distance))
