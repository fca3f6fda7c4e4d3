"""The average precision."""

from __future__ import annotations

import numpy as np

from psdl.measure.ranks import Ranks


def average_precision(ranks: Ranks) -> float:
    """Returns the sum over thresholds of the gain in recall times the precision, without interpolation, in
    0..1."""
    gain = np.diff(ranks.tp, prepend=0) / ranks.positives
    return float(gain @ (ranks.tp / (ranks.tp + ranks.fp)))
