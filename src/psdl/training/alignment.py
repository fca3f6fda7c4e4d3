"""Decides whether images are aligned: as the user asks, or by the held-out error of good images."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

import numpy as np

from psdl._util import plugins
from psdl.features.extractor import FeatureExtractor, Source
from psdl.jobs.context import RunContext
from psdl.training import crossval, roi
from psdl.training.collect import collect
from psdl.training.copies import groups_of
from psdl.training.learner import Learner

__all__ = ["settled"]

MODES = ("none", "shift", "rigid")
MOST = 120  # images that are tried
# Share of the unexplained energy that aligning must remove to be used: on real surfaces where it removes 3 to 17 %
# it costs accuracy; where parts lie far off it removes 28 % and more (docs/data.md). Likewise turns beyond shifts.
EARNED, TURNING = 0.2, 0.02
PROBE = {"atoms": 64, "sparsity": 4, "whiten": 0.5}


def settled(
    extractor: FeatureExtractor, align: str | None, items: Sequence[Source], run: RunContext
) -> FeatureExtractor:
    """Returns the extractor with an input rule that says how images are aligned.

    `align` is "none", "shift", "rigid", "auto", or None, which keeps the recipe's rule. With "auto" a small
    dictionary of good patches at each position is learned under each mode from at most MOST images, and the share
    of the energy of held-out signals that it leaves unexplained is compared. Aligning must reduce that share by
    EARNED at least, and turns must reduce it by TURNING more than shifts do. Raises PsdlError on another value.
    """
    if align is None:
        return extractor
    if align not in (*MODES, "auto"):
        raise plugins.unknown("value of `align`", align, (*MODES, "auto"))
    if align != "auto":
        return _aligned(extractor, align)
    part = replace(extractor.recipe.parts[0], name="probe", method="exemplars", params=PROBE, weight=1.0)
    probe = replace(extractor, recipe=replace(extractor.recipe, parts=(part,)))
    few = [items[n] for n in np.unique(np.linspace(0, len(items) - 1, MOST).astype(int))]
    none, shift, rigid = (_unexplained(_aligned(probe, mode), few, run) for mode in MODES)
    best = "rigid" if rigid < (1 - TURNING) * shift else "shift"
    worth = min(shift, rigid) < (1 - EARNED) * none
    chosen = best if worth else "none"
    run.say(f"alignment: {chosen}, as held-out good images say")
    return _aligned(extractor, chosen)


def _aligned(extractor: FeatureExtractor, align: str) -> FeatureExtractor:
    rule = replace(extractor.rule, align=align)
    return replace(extractor, recipe=replace(extractor.recipe, input=rule))


def _unexplained(extractor: FeatureExtractor, items: Sequence[Source], run: RunContext) -> float:
    """Returns the share of the energy of held-out good signals that the extractor's only part leaves
    unexplained."""

    def count(stage: str, done: int, total: int) -> None:
        run.progress("alignment", done, len(MODES) * total)

    recipe = extractor.recipe
    fold = crossval.folds(groups_of(items), recipe.folds, recipe.seed)
    placed = replace(extractor, frame=roi.frame(items, extractor.rule, None, run.near))
    with ExitStack() as stores:
        collected = collect(placed, items, replace(run, progress=count, jobs=run.near), stores)
        learner = Learner(recipe.parts[0], collected.stores[recipe.parts[0].name], run.near)
        found = learner.held_out(fold)
    return 1 - crossval.explained(found.residual, found.norm)
