"""Settles before learning what is learned from and how. The library and the command line both use it, so that they
decide alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from psdl._util import plugins
from psdl.backbone.session import resolve_device
from psdl.datasets import check, duplicates
from psdl.datasets.read import without
from psdl.errors import PsdlError
from psdl.features.extractor import FeatureExtractor, Source
from psdl.jobs.context import RunContext
from psdl.model import recipes
from psdl.training import alignment, latency, memory, roi
from psdl.training.options import FitOptions
from psdl.types import InputRule, Recipe, Sample

__all__ = ["Plan", "plan"]


@dataclass(frozen=True)
class Plan:
    """What is settled before learning.

    `items` are the good images to learn from; those of one group show one item. `extractor` turns them into
    signals and holds the recipe as it will be learned. `in_memory` says whether the signals are held in memory or
    in files. `dropped` are names of images that were left out. `grouping` says, for people, how items were found.
    """

    items: Sequence[Source]
    extractor: FeatureExtractor
    in_memory: bool
    dropped: tuple[str, ...]
    grouping: str

    @property
    def recipe(self) -> Recipe:
        """The recipe as it will be learned, with its input rule settled."""
        return self.extractor.recipe


def plan(images: Any, options: FitOptions, run: RunContext) -> Plan:
    """Settles which images are learned from, how they become the network's input, and where their signals are
    held.

    `images` are given as to `check.given`. Findings are logged by `run`. Raises PsdlError on images that cannot be
    used and on options that do not fit them.
    """
    base = options.chosen_recipe()
    items, rule = check.given(images, options.published)
    rule = check.deepened(base.input or rule, options.bit_depth)
    items, dropped = _usable(items, rule, options, run)
    found = check.sizes(items, base.input or rule, run.near)
    run.say(*found.lines)
    rule = _input_rule(base, rule, found.sizes, options, run)
    run.say(*check.cut_away(rule, found.sizes))
    run.say(*check.shrunk(rule, found.sizes, max(part.scale for part in base.parts)))
    rule = check.levelled(rule, items, run.near)
    recipe, network = recipes.with_network(replace(base, input=rule), options.weights)
    device = resolve_device(run.device)
    items, grouping = duplicates.grouped(items, options.groups, run.near, run.progress, rule.white)
    extractor = alignment.settled(FeatureExtractor(recipe, network, device=device), options.align, items, run)
    extractor = replace(extractor, frame=roi.frame(items, extractor.rule, options.roi, run.near))
    first = extractor.extract(items[0]).signals
    planned = memory.plan(extractor.recipe, first, len(items), memory.size_of(options.max_memory))
    run.say(planned.words())
    return Plan(items, extractor, planned.in_memory and not run.remote, dropped, grouping)


def _usable(
    items: Sequence[Source], rule: InputRule, options: FitOptions, run: RunContext
) -> tuple[Sequence[Source], tuple[str, ...]]:
    """Returns the items that are learned from, and the names of those that are not: the ones in `drop` and, with
    `on_error` "skip", the ones that cannot be used."""
    if options.on_error not in ("fail", "skip"):
        raise plugins.unknown("value of `on_error`", options.on_error, ("fail", "skip"))
    samples = [item for item in items if isinstance(item, Sample)]
    if len(samples) < len(items):
        if options.drop is not None or options.on_error == "skip":
            raise PsdlError("`drop` and `on_error` need named images: give a folder, a table or samples")
        return items, ()
    kept, dropped = without(samples, options.drop)
    if options.on_error == "skip":
        # Any white will do here: what it is will be learned.
        tested = replace(rule, white=rule.white or 1.0)
        found = check.usable(kept, tested, run.near, lambda n: run.progress("files", n, len(kept)))
        run.say(*(f"skipped: {one.why}" for one in found.skipped))
        kept, dropped = found.samples, (*dropped, *(one.sample.name for one in found.skipped))
        if not kept:
            raise PsdlError(f"none of {len(samples)} files can be used, the first: {found.skipped[0].why}")
    if dropped:
        run.say(f"{len(dropped)} images left out, as `drop` or `on_error` asks")
    return check.learning(kept), dropped


def _input_rule(
    base: Recipe, rule: InputRule, sizes: Counter[tuple[int, int]], options: FitOptions, run: RunContext
) -> InputRule:
    """Returns the rule by which images of these sizes become the network's input."""
    resize = options.resize or ("none" if options.tile and not options.size else None)
    if base.input is not None and (resize, options.size, options.budget) == (None, None, None):
        return rule
    side = options.size
    if options.budget is not None:
        side = _affordable_side(base, rule, sizes, options, run)
    return check.sized(rule, sizes, resize, side)


def _affordable_side(
    base: Recipe, rule: InputRule, sizes: Counter[tuple[int, int]], options: FitOptions, run: RunContext
) -> int:
    """Returns the side of the input for a time budget, and logs how long judging will take."""
    budget = options.budget or 0.0
    for name in ("size", "tile"):
        if getattr(options, name) is not None:
            raise PsdlError(f"`{name}` was given with `budget`, which chooses the input size: leave one out")
    if options.resize == "none":
        raise PsdlError("`resize` none was given with `budget`, which chooses the input size: leave one out")

    def at(side: int) -> InputRule:
        return check.sized(rule, sizes, options.resize, side)

    side, took = latency.side(base, at, budget, options.weights, run.device)
    run.say(f"input size {side}: judging an image takes about {took:.0f} ms here, of {budget:g} allowed")
    return side
