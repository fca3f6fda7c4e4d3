"""Computes the score against known defects, in the units of the anomaly score."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from psdl.calibrate.thresholds import rescored
from psdl.errors import PsdlError
from psdl.model.known import Classifier
from psdl.types import F64, Calibration

__all__ = ["brought", "decided", "known_score", "standardised", "with_classifier"]

MOST = 300.0  # limit for arguments of sinh, which is finite up to 710


def standardised(anomaly: F64, known: Classifier) -> F64:
    """Returns anomaly scores (n,) on a nearly logarithmic scale, in standard deviations of good images."""
    found: F64 = (np.arcsinh(anomaly / known.unit) - known.middle) / known.spread
    return found


def decided(anomaly: F64, averages: NDArray[np.floating], known: Classifier) -> F64:
    """Returns the classifier's values f (n,); above 0 an image is more like the known defects than like good
    images.

    `anomaly` (n,) are the anomaly scores, and `averages` (n,D+1) the averages, whose last number is not used.
    """
    linear = (averages[:, :-1].astype(np.float64) * known.weights).sum(axis=1)
    found: F64 = linear + known.slope * standardised(anomaly, known) + known.bias
    return found


def brought(values: F64, known: Classifier) -> F64:
    """Returns classifier values (n,) converted to anomaly scores that are equally rare among good images.

    This assumes that both are normally distributed there.
    """
    rarity = (values - known.mean) / known.deviation
    found: F64 = known.unit * np.sinh(np.clip(known.middle + known.spread * rarity, -MOST, MOST))
    return found


def known_score(anomaly: F64, averages: NDArray[np.floating], known: Classifier) -> F64:
    """Returns the scores (n,) against known defects from anomaly scores (n,) and averages (n,D+1)."""
    return brought(decided(anomaly, averages, known), known)


def with_classifier(calibration: Calibration, known: Classifier | None) -> Calibration:
    """Returns the calibration with the scores that a classifier gives, and new thresholds.

    The new scores are the larger ones of anomaly score and score against known defects. None for `known` restores
    the anomaly scores alone. Raises PsdlError if the calibration has no anomaly scores or averages.
    """
    if calibration.anomaly is None or calibration.averages is None:
        raise PsdlError("the model does not hold what known defects are learned from: fit it again")
    scores = calibration.anomaly
    if known is not None:
        scores = np.maximum(scores, known_score(scores, calibration.averages, known))
    return rescored(calibration, scores)
