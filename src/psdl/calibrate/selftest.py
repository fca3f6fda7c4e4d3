"""Good images scored anew -> whether this machine judges as the one that made the model."""

from __future__ import annotations

import numpy as np

from psdl.model.model import Golden
from psdl.types import Calibration

# Of the way from the median good score (or map's peak) to its threshold: how far a score (a map's pixel) may lie
# from what it was where the model was made. Processors round differently; verdicts do not hang on so little.
TOLERANCE = 0.01


def deviations(then: Golden, now: Golden, calibration: Calibration) -> list[tuple[float, float]]:
    """For each image how far its score, and its map at worst, lie from what they were, in shares of the tolerance:
    up to 1 they are the same."""
    score = TOLERANCE * max(calibration.threshold - float(np.median(calibration.scores)), 1e-12)
    pixel = TOLERANCE * max(calibration.peak_threshold - float(np.median(calibration.peaks)), 1e-12)
    scores = np.abs(now.scores - then.scores) / score
    maps = np.nanmax(np.abs(now.maps - then.maps), axis=(1, 2)) / pixel
    return [(float(a), float(b)) for a, b in zip(scores, maps, strict=True)]
