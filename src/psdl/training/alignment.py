"""Whether images are aligned: as asked, or as the held-out error of good images says."""

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
# Of the unexplained energy, what aligning must take away to be worth it: real surfaces where it takes 3 to 17 %
# lose accuracy by it, parts that lie far off show 28 % and more (docs/data.md). And turns beyond shifts.
EARNED, TURNING = 0.2, 0.02
PROBE = {"atoms": 64, "sparsity": 4, "whiten": 0.5}


def settled(
    extractor: FeatureExtractor, align: str | None, items: Sequence[Source], run: RunContext
) -> FeatureExtractor:
    """The extractor whose input rule says how images are aligned.

    align: none, shift, rigid, or auto: the mode under which few exemplars of its own place explain most of unseen
    good signals, where it explains enough more than a simpler one; None: as the recipe's own rule has it. Raises
    PsdlError on any other.
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
    """The share of unseen good signals' energy that the extractor's one part leaves."""

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
