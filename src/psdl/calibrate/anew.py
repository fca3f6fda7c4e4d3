"""Calibrates a model on good images that it has not learned from, alone or together with those so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from psdl.calibrate import thresholds
from psdl.calibrate.guarantee import DOUBT, agreement, check_scale
from psdl.calibrate.strangers import New, check_far, check_low
from psdl.errors import PsdlError
from psdl.model.model import Model
from psdl.types import F32, Calibration, Origin, Rates, Score

__all__ = ["Fresh", "calibrated", "joined", "of", "once", "strangers_of", "unlearned"]


class Fresh(NamedTuple):
    """A good image that was scored.

    - `score` has its map and image score.
    - `where` says where it came from, and `item` names the item that it shows.
    - `learned` says whether the model learned from it.
    - `anomaly` is its anomaly score without known defects, NaN if it is not known.
    - `averages` (D+1,) are its averages for known defects, None if they are not known.
    """

    score: Score
    where: Origin
    item: str
    learned: bool
    anomaly: float = float("nan")
    averages: F32 | None = None


def calibrated(
    model: Model,
    images: Sequence[Fresh],
    rates: Rates,
    join: bool,
    say: Callable[[str], None],
    force: bool = False,
) -> Calibration:
    """Returns the calibration on those of the images that the model has not learned from; copies count once.

    With `join` they are added to the calibration so far, unless the rank test says that their scores differ (see
    `guarantee.agreement`). `say` is called with lines about what was left out, whether the scores agree, and
    whether the images were added. Raises PsdlError if fewer than 2 images are left or if their scores cannot set a
    threshold. It is also raised, unless `force` is true, if they score as defects do or, where the model
    standardises all distances, as low as images learned from.
    """
    new = once(unlearned(images, say), say)
    if len(new) < 2:
        raise PsdlError(f"{len(new)} good image is left to calibrate on: at least 2 are needed, better 50 or more")
    alone = replace(of(new, rates), origin=f"{len(new)} separate good images", confirmed=force)
    alone = thresholds.edited(alone, rates, None)
    measured = all(part.unseen for part in model.recipe.parts)
    check_scale(alone, measured)
    old = model.calibration
    for line in agreement(old, alone):
        say(line)
    for line in check_far(old, strangers_of(new), force):
        say(line)
    for line in (
        check_low(old, alone, force) if measured else ()
    ):  # otherwise held-out images score higher than new ones
        say(line)
    if not join or thresholds.alike(old, alone) < DOUBT:
        return alone
    say(f"where the test finds no difference they join the {len(old.scores)} images of the calibration so far")
    return joined(old, new, rates, "by calibrate", say)


def joined(
    old: Calibration, new: Sequence[Fresh], rates: Rates, how: str, say: Callable[[str], None]
) -> Calibration:
    """Returns the calibration so far with those of the good images that are not in it yet.

    `how` completes the sentence "N images added ..." in the calibration's origin. `say` is called with a line if
    some images are in the calibration already.
    """
    inside = {where.sha256 for where in old.images} | {where.seen for where in old.images if where.seen}
    more = [one for one in new if not {one.where.sha256, one.where.seen} & inside]
    if len(more) < len(new):
        say(f"{len(new) - len(more)} of {len(new)} images are in the calibration already")
    if not more:
        return thresholds.edited(old, rates, None)
    found = thresholds.extended(old, of(more, rates), f"{len(more)} images added {how}")
    return thresholds.edited(found, rates, None)


def strangers_of(images: Sequence[Fresh]) -> New:
    """Returns the images' scores, names and items in the form that `strangers` checks."""
    scores = np.array([float(one.score.image[0]) for one in images])
    return New(scores, [one.where.name for one in images], thresholds.numbered([one.item for one in images]))


def of(images: Sequence[Fresh], rates: Rates) -> Calibration:
    """Returns the calibration on these good images alone, with their scores as they are."""
    averages = [one.averages for one in images if one.averages is not None]
    known = len(averages) == len(images)
    return thresholds.calibrate(
        [one.score for one in images],
        rates,
        [one.item for one in images],
        [one.where for one in images],
        np.array(averages, np.float16) if known else None,
        np.array([one.anomaly for one in images]) if known else None,
    )


def unlearned(images: Sequence[Fresh], say: Callable[[str], None]) -> list[Fresh]:
    """Returns the images that the model has not learned from; `say` is called with a line if others are left out.

    Raises PsdlError if the model has learned from all of them.
    """
    new = [one for one in images if not one.learned]
    if not new:
        raise PsdlError(
            f"all {len(images)} images are among those that the model learned from, and say nothing of new ones:"
            " give good images that it has not seen"
        )
    if len(new) < len(images):
        say(
            f"{len(images) - len(new)} of {len(images)} images are among those that the model learned from, or"
            " copies of them: left out"
        )
    return new


def once(images: Sequence[Fresh], say: Callable[[str], None]) -> list[Fresh]:
    """Returns the images without those that are copies of an earlier one; `say` is called with a line if there are
    any."""
    first = {one.where.seen or one.where.sha256: one for one in reversed(images)}
    new = [one for one in images if first[one.where.seen or one.where.sha256] is one]
    if len(new) < len(images):
        say(f"{len(images) - len(new)} of {len(images)} images are copies of others among them: each counts once")
    return new
