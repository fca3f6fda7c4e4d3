"""Chooses the input size for a time budget: the largest at which judging an image stays within it on this
machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from psdl._util.machine import cores
from psdl.backbone.session import Session, resolve_device
from psdl.errors import PsdlError
from psdl.input import preprocess
from psdl.model import recipes
from psdl.types import InputRule, Recipe

__all__ = ["side"]

SIDES = range(512, 95, -32)  # pixels, largest first
WHOLE = 3  # judging an image takes about this many times its passes through the network (docs/recipes.md)
PASSES = 5  # timed, of which the median counts


def side(
    recipe: Recipe, rule: Callable[[int], InputRule], budget: float, weights: str | None, device: str
) -> tuple[int, float]:
    """Returns the largest input side in pixels at which one image is judged within `budget` milliseconds, and the
    estimated time in milliseconds.

    `rule` gives the input rule for a side. Sides from 512 down to 96 in steps of 32 are tried. The time is
    estimated from the network alone, run at all scales of the recipe. Raises PsdlError if even the smallest side
    takes longer.
    """
    fitted, network = recipes.with_network(recipe, weights)
    session = Session(network, threads=cores(), device=resolve_device(device))
    took = 0.0
    for pixels in SIDES:
        took = WHOLE * sum(1e3 * _pass(session, *one) for one in _sizes(fitted, rule(pixels), network.taps))
        if took <= budget:
            return pixels, took
    raise PsdlError(
        f"`budget` is {budget:g} ms, but judging an image of the smallest size, {SIDES[-1]} pixels a side, takes"
        f" about {took:.1f} ms here: give more time, or the recipe fast"
    )


def _sizes(recipe: Recipe, rule: InputRule, taps: Sequence[str]) -> list[tuple[tuple[int, int], Sequence[str]]]:
    """Returns for each scale the size (h,w) of the network's input and the taps that are computed."""
    plain = preprocess.plan(InputRule(resize=rule.resize), rule.resize or (0, 0))
    found = recipes.passes(recipe, taps).items()
    return [(preprocess.scaled(plain, scale, recipe.multiple).input, some) for scale, some in found]


def _pass(session: Session, size: tuple[int, int], taps: Sequence[str]) -> float:
    """Returns the median time of one pass through the network, in seconds."""
    empty, found = np.zeros((1, 3, *size), np.float32), []
    for _ in range(1 + PASSES):
        start = time.perf_counter()
        session.maps(empty, taps)
        found.append(time.perf_counter() - start)
    return float(np.median(found[1:]))
