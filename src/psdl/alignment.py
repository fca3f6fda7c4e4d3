"""Whether images are aligned: as asked, or as the held-out error of good images says."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

import numpy as np

from psdl import framing, heldout, plugins
from psdl.backbone.session import Session
from psdl.extract import Source
from psdl.learning import Learner, fill, groups_of
from psdl.types import InputRule, Network, Part, Progress, Recipe, Run

MODES = ("none", "shift", "rigid")
MOST = 120  # images that are tried
EARNED = 0.03  # of the unexplained energy that a mode must take away to be preferred to a simpler one
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
    best, least = "none", np.inf
    for mode in MODES:
        tried = replace(recipe, parts=(part,), input=replace(rule, align=mode))
        error = _unexplained(tried, part, network, few, session, run, tell)
        if error < (1 - EARNED) * least:
            best, least = mode, error
    return replace(recipe, input=replace(rule, align=best))


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

    fold = heldout.folds(groups_of(items), recipe.folds, recipe.seed)
    frame = framing.frame(items, recipe.input or InputRule(), None, run)
    with ExitStack() as stores:
        filled = fill(recipe, network, items, session, run, count, stores, frame)
        learner = Learner(part, filled.stores[part.name], run, lambda _: None, "cpu")
        found = heldout.judged(learner.fit, learner.judge, len(items), fold)
    return 1 - heldout.explained(found[..., 2], found[..., 3])
