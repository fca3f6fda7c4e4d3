"""Describes a calibration in words: what it guarantees, from how many images, and whether new images agree with
it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from psdl.calibrate.strange import strange
from psdl.calibrate.thresholds import BY_HAND, alike, attainable, needed, order_statistic, weights
from psdl.errors import PsdlError
from psdl.types import Calibration

__all__ = ["agreement", "check_scale", "kept", "promise", "worse"]

DOUBT = 0.01  # below this p-value new good images are said to differ from those of the calibration
FARTHEST = 1e4  # standard deviations: no score of a held-out good image is so large
HELD_OUT = Calibration.origin


def promise(calibration: Calibration) -> list[str]:
    """Returns lines that say what the threshold guarantees, and from how many images and items it was computed."""
    rates, images, groups = calibration.rates, len(calibration.scores), calibration.groups
    of_items = f" of {groups} items" if groups != images else ""
    known = f"{images} {'held-out ' if calibration.origin.startswith(HELD_OUT) else ''}good images{of_items}"
    share = kept(calibration, rates.false_reject)
    if rates.confidence:
        sure = f"with {rates.confidence:.0%} confidence at most {share:.2%} of new good items like these"
        said = f"{sure} will have a picture rejected"
    else:
        said = f"of new good images like these at most {share:.2%} should be rejected"
    if share > rates.false_reject:
        count = needed(rates.false_reject, rates.confidence)
        known += f"; {rates.false_reject:.2%} was asked for and needs {count} items"
    said = f"threshold {calibration.threshold:.4g}: {said} ({known})"
    return [said, *_left_out(calibration), *_third(calibration)]


def kept(calibration: Calibration, rate: float) -> float:
    """Returns the share of new good items that the calibration can guarantee to reject at most.

    `rate` is the share that is asked for; the result is larger if there are too few items for it.
    """
    left_out = len(np.unique(calibration.items[_strange(calibration)]))
    return attainable(calibration.groups, rate, calibration.rates.confidence, left_out)


def _strange(calibration: Calibration) -> NDArray[np.bool_]:
    """Returns which images (N,) the threshold leaves out as outliers."""
    known = calibration
    if known.rates.confidence or known.origin.endswith(BY_HAND) or known.confirmed:
        return np.zeros(len(known.scores), bool)
    return strange(known.scores, known.items)


def _left_out(calibration: Calibration) -> list[str]:
    """Returns a line about the outliers that the threshold leaves out, and what it would be with them."""
    out, known = np.nonzero(_strange(calibration))[0], calibration
    if not len(out):
        return []
    names = ", ".join(known.images[n].name for n in out[::-1][:3]) if known.images else ""
    count = len(np.unique(known.items[out]))
    them = "one item scores" if count == 1 else f"{count} items score"
    whole = order_statistic(known.scores, known.rates.false_reject, weights(known.items))
    return [
        f"{them} far beyond the other good ones{names and f' ({names})'}, up to {known.scores[-1]:.4g}: left out,"
        f" as the threshold would else be {whole:.4g}; give more images like it if such parts are good, or take"
        " it out of the good images"
    ]


def _third(calibration: Calibration) -> list[str]:
    """Returns a line about what is guaranteed for REVIEW, if there is such a verdict."""
    review, rates = calibration.review_threshold, calibration.rates
    if review is None:
        return []
    rate = kept(calibration, rates.review)
    of = "items" if rates.confidence else "images"
    return [f"REVIEW above {review:.4g}: at most {rate:.2%} of new good {of} should be, rejected ones included"]


def check_scale(calibration: Calibration, measured: bool) -> None:
    """Raises PsdlError if the thresholds cannot be scores that separate good from bad.

    That is the case if scores or thresholds are not finite, if all scores are the same, or if distances are
    standardised by held-out good images (`measured`) and a threshold is beyond any such distance.
    """
    known, limits = calibration.scores, (calibration.threshold, calibration.peak_threshold)
    what = f"the threshold of {len(known)} good images would be {calibration.threshold:.3g}"
    do = "give pictures of different good parts, as the line takes them"
    if not np.isfinite([*limits, *known]).all():
        raise PsdlError(f"{what}, which is no number: {do}")
    if len(known) > 1 and known[-1] - known[0] <= 1e-9 * max(abs(known[0]), abs(known[-1])):
        raise PsdlError(f"{what}, and all score the same, as copies of one picture do: {do}")
    if measured and max(map(abs, limits)) > FARTHEST:
        raise PsdlError(
            f"{what} deviations of what unseen good ones show, which no score on this scale can be: most of them"
            f" are nearly one picture, a few are not; {do}"
        )


def worse(old: Calibration, new: Calibration) -> list[str]:
    """Returns a line of warning if the new calibration guarantees less than the old one, or no line."""
    before, now = (kept(c, c.rates.false_reject) for c in (old, new))
    if now <= before + 1e-12:
        return []
    few = f"from {new.groups} items, where {old.groups} had promised" if new.groups < old.groups else "instead of"
    return [f"CAUTION: the promise gets worse: at most {now:.2%} {few} {before:.2%}"]


def agreement(old: Calibration, new: Calibration) -> list[str]:
    """Returns a line about whether new good images agree with the guarantee of the old calibration.

    It has the share of new images above the old threshold, and the p-value of the rank test, see
    `thresholds.alike`.
    """
    images = len(new.scores)
    above = int(np.sum(new.scores > old.threshold))
    share = f"{above} of these {images} good images ({above / images:.1%})"
    said = f"the threshold so far, {old.threshold:.4g}, rejects {share}"
    chance = alike(old, new)
    if chance < DOUBT:
        why = f"they score unlike the images it was set on (rank test, p = {chance:.2g})"
        return [f"{said}; {why}: its promise does not hold for images like these"]
    return [f"{said}; they score like the images it was set on (rank test, p = {chance:.2g})"]
