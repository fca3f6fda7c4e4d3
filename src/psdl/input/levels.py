"""Decides from grey levels whether a picture is a mask, with few levels, or a photograph, with many."""

from __future__ import annotations

import os
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from psdl.errors import PsdlError
from psdl.input import decode

__all__ = ["FEW", "LOSSY", "few", "flat", "like_mask"]

FEW = 16  # levels up to which those of a picture are kinds of a mask
NEAR = 3  # of 255: so far from a flat level does the noise of a saved mask lie
SHARE = 0.85  # of the pixels of a mask that lie at its two levels; the others are soft edges
LEAST = 0.1  # bits of a lossless file for each pixel, below which it holds no photograph
LOSSY = ("JPEG", "MPO", "WEBP", "JPEG2000", "AVIF")


def like_mask(path: str) -> bool | None:
    """Returns whether the picture in the file `path` looks like a mask; None if it cannot be read."""
    try:
        file = os.stat(path)
    except OSError:
        return None
    return _like_mask(path, file.st_size, file.st_mtime_ns)


@lru_cache(maxsize=65536)
def _like_mask(path: str, size: int, changed: int) -> bool | None:
    """Returns `like_mask` of a file of `size` bytes. The result is kept as long as the file does not change."""
    try:
        with decode.opened(path) as image:
            empty = image.format not in LOSSY and 8 * size < LEAST * image.width * image.height
            return image.mode == "1" or empty or flat(_grey(image))
    except (PsdlError, OSError):
        return None


def few(path: str) -> bool:
    """Returns whether a lossless picture has at most FEW grey levels, which no photograph has, not even a dark
    one."""
    try:
        with decode.opened(path) as image:
            return image.format not in LOSSY and len(np.unique(_grey(image))) <= FEW
    except (PsdlError, OSError):
        return False


def flat(grey: NDArray[np.uint8]) -> bool:
    """Returns whether there are at most FEW grey levels (h,w) uint8, or nearly all pixels lie near two levels."""
    counts = np.bincount(grey.ravel(), minlength=256)
    levels = np.flatnonzero(counts)
    if len(levels) <= FEW:
        return True
    middle = (int(levels[0]) + int(levels[-1])) // 2
    low, high = counts[: middle + 1].argmax(), middle + 1 + counts[middle + 1 :].argmax()
    near = (abs(np.arange(256) - low) <= NEAR) | (abs(np.arange(256) - high) <= NEAR)
    return bool(counts[near].sum() >= SHARE * counts.sum())


def _grey(image: Image.Image) -> NDArray[np.uint8]:
    """Returns grey levels (h,w) uint8: the largest channel of each pixel, black where it is transparent."""
    if image.mode.startswith(("I", "F")):
        values = np.nan_to_num(np.array(image).astype(np.float64), posinf=0, neginf=0)
        least, most = values.min(), values.max()
        return np.asarray((values - least) * (255 / max(most - least, 1e-9)), np.uint8)
    red, green, blue, alpha = image.convert("RGBA").split()
    largest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    low, high = alpha.getextrema()
    return np.asarray(largest if low == high else ImageChops.multiply(largest, alpha))
