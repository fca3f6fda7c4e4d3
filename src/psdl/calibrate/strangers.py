"""Compares new good images with those of a calibration: which score higher or lower than good images do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from psdl.calibrate.guarantee import DOUBT
from psdl.calibrate.thresholds import alike
from psdl.errors import PsdlError
from psdl.types import F64, Calibration

__all__ = ["New", "check_far", "check_low"]

FAR = 3.0  # times the distance from the median good score to the threshold


class New(NamedTuple):
    """New images that are said to be good: scores (N,), names, and the number of the item that each shows, (N,)
    int32."""

    scores: F64
    names: Sequence[str]
    items: NDArray[np.int32]

    def strangest(self) -> str:
        """Returns the names and scores of the three highest scoring images in words."""
        worst = np.argsort(-self.scores, kind="stable")[:3]
        return ", ".join(f"{self.names[n]} ({self.scores[n]:.4g})" for n in worst)

    def counted(self, chosen: NDArray[np.bool_]) -> str:
        """Returns how many of the items the chosen images (N,) bool show, in words."""
        return f"of {len(np.unique(self.items[chosen]))} of {len(np.unique(self.items))} items"


def check_far(known: Calibration, new: New, force: bool) -> list[str]:
    """Raises PsdlError if images score far beyond the threshold; with `force` it returns a warning instead.

    Far means beyond the median good score plus FAR times the distance from there to the threshold.
    """
    middle = float(np.median(known.scores))
    limit = middle + FAR * max(known.threshold - middle, 1e-12)
    beyond = new.scores > limit
    if not beyond.any():
        return []
    said = (
        f"{int(beyond.sum())} of {len(new.scores)} images ({new.counted(beyond)}) score beyond {limit:.4g}, far"
        f" above the threshold {known.threshold:.4g}, as another product or a defect does: {new.strangest()}"
    )
    if not force:
        raise PsdlError(f"{said}; take them out, or add `force` if they are good parts of this product")
    return [f"CAUTION: {said}"]


def check_low(known: Calibration, new: Calibration, force: bool) -> list[str]:
    """Raises PsdlError if the new images score lower than held-out ones; with `force` it returns a warning
    instead.

    That is the case if all of them score below the median of the known scores, and the rank test excludes chance.
    """
    middle, top = float(np.median(known.scores)), float(new.scores.max())
    if top >= middle or alike(known, new) >= DOUBT:
        return []
    said = (
        f"these images score {top:.4g} at most, and half of the unseen good ones score above {middle:.4g}: so do"
        " images learned from when they are changed a little"
    )
    if not force:
        raise PsdlError(f"{said}; give images that the model has not seen, or add `force` if they are such")
    return [f"CAUTION: {said}"]
