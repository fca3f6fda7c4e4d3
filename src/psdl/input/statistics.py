"""Statistics of an image as a whole, which a lamp, a lens or a camera's settings change."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["ImageStatistics", "measure"]

ROWS = 256  # that sharpness is taken from, about so many, evenly over the image: large images cost little


class ImageStatistics(NamedTuple):
    """brightness: the mean of green samples, 0..255; sharpness: the mean difference between neighbours in a row,
    in deviations of the samples, which exposure leaves as it is; height, width in pixels."""

    brightness: float
    sharpness: float
    height: float
    width: float


def measure(pixels: NDArray[np.uint8]) -> ImageStatistics:
    """The statistics of an image (h,w,3) uint8."""
    height, width = pixels.shape[:2]
    rows = pixels[:: max(1, height // ROWS), :, 1].astype(np.float32)
    steps = np.abs(np.diff(rows, axis=1))
    rough = float(steps.mean()) / (float(rows.std()) + 1.0) if steps.size else 0.0
    return ImageStatistics(float(rows.mean()), rough, float(height), float(width))
