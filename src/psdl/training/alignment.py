"""Whether images are aligned: as asked, or as the held-out error of good images says."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

import numpy as np

from psdl._util import plugins
from psdl.backbone.session import Session
from psdl.features.extractor import Source
from psdl.training import crossval, roi
from psdl.training.collect import fill
from psdl.training.copies import groups_of
from psdl.training.train import Learner
from psdl.types import InputRule, Network, Part, Progress, Recipe, Run

MODES = ("none", "shift", "rigid")
MOST = 120  # images that are tried
# Of the unexplained energy, what aligning must take away to be worth it: real surfaces where it takes 3 to 17 %
# lose accuracy by it, parts that lie far off show 28 % and more (docs/data.md). And turns beyond shifts.
EARNED, TURNING = 0.2, 0.02
PROBE = {"atoms": 64, "sparsity": 4, "whiten": 0.5}


def settled(
    recipe: Recipe,
    align: str,
    network: Network,
    items: Sequence[Source],
    session: Session,
    run: Run,
    tell: Progress,
) -> Recipe:
    """The recipe whose input rule says how images are aligned.

    align: none, shift, rigid, or auto: the mode under which few exemplars of its own place explain most of unseen
    good signals, where it explains enough more than a simpler one. Raises PsdlError on any other.
    """
    if align not in (*MODES, "auto"):
        raise plugins.unknown("value of --align", align, (*MODES, "auto"))
    rule = recipe.input or InputRule()
    if align != "auto":
        return replace(recipe, input=replace(rule, align=align))
    part = replace(recipe.parts[0], name="probe", method="exemplars", params=PROBE, weight=1.0)
    few = [items[n] for n in np.unique(np.linspace(0, len(items) - 1, MOST).astype(int))]
    none, shift, rigid = (
        _unexplained(
            replace(recipe, parts=(part,), input=replace(rule, align=mode)), part, network, few, session, run, tell
        )
        for mode in MODES
    )
    best = "rigid" if rigid < (1 - TURNING) * shift else "shift"
    worth = min(shift, rigid) < (1 - EARNED) * none
    return replace(recipe, input=replace(rule, align=best if worth else "none"))


def _unexplained(
    recipe: Recipe,
    part: Part,
    network: Network,
    items: Sequence[Source],
    session: Session,
    run: Run,
    tell: Progress,
) -> float:
    """The share of unseen good signals' energy that the part leaves."""

    def count(stage: str, done: int, total: int) -> None:
        tell("alignment", done, len(MODES) * total)

    fold = crossval.folds(groups_of(items), recipe.folds, recipe.seed)
    frame = roi.frame(items, recipe.input or InputRule(), None, run)
    with ExitStack() as stores:
        filled = fill(recipe, network, items, session, run, count, stores, frame)
        learner = Learner(part, filled.stores[part.name], run, lambda _: None, "cpu")
        found = learner.held_out(fold)
    return 1 - crossval.explained(found[..., 2], found[..., 3])
