"""Statistics of a whole image that change with the lamp, the lens or the settings of the camera."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["ImageStatistics", "measure"]

ROWS = 256  # that sharpness is taken from, about so many, evenly over the image: large images cost little


class ImageStatistics(NamedTuple):
    """Statistics of one image. `brightness` is the mean of the green samples, 0..255. `sharpness` is the mean
    absolute difference between neighbours in a row over the standard deviation of the samples (plus 1), which
    hardly depends on the exposure. `height` and `width` are in pixels."""

    brightness: float
    sharpness: float
    height: float
    width: float


def measure(pixels: NDArray[np.uint8]) -> ImageStatistics:
    """Returns the statistics of an image (h,w,3) uint8. Of large images, only some rows are read, see ROWS."""
    height, width = pixels.shape[:2]
    rows = pixels[:: max(1, height // ROWS), :, 1].astype(np.float32)
    steps = np.abs(np.diff(rows, axis=1))
    rough = float(steps.mean()) / (float(rows.std()) + 1.0) if steps.size else 0.0
    return ImageStatistics(float(rows.mean()), rough, float(height), float(width))
