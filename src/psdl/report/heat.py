"""Maps in colours that have the same meaning on every image of a model: how rare a pixel is among good ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from psdl._util import plugins
from psdl.calibrate.masks import RARITY, rarity
from psdl.types import F32, Calibration

COLOURS = "plasma"
OTHERS = ("viridis",)  # for parts that are red or yellow themselves
OPAQUE = 0.65  # opacity of the rarest pixels over the image


def scale(calibration: Calibration) -> tuple[float, float]:
    """Returns the ends of the colour scale as -log10 of the share of good pixels above.

    It starts at the rarity of the median good image's maximum, so that a good part stays dark, and ends at the
    largest rarity that the number of good pixels allows to state.
    """
    end = float(RARITY[len(calibration.pixels) - 1])
    typical = np.array([[np.median(calibration.peaks)]], np.float32)
    return min(float(rarity(typical, calibration)[0, 0]), end - 0.5), end


def ends(calibration: Calibration) -> tuple[float, float]:
    """Returns the map values at the ends of the colour scale."""
    known = calibration.pixels
    start, end = (float(np.interp(edge, RARITY[: len(known)], known)) for edge in scale(calibration))
    return start, end


def shares(values: F32, calibration: Calibration) -> F32:
    """Returns the position of each pixel of a map (h,w) on the colour scale, in 0..1; NaN where the map is NaN."""
    start, end = scale(calibration)
    found: F32 = np.clip((rarity(values, calibration) - start) / (end - start), 0, 1)
    return found


def dimmed(pixels: NDArray[np.uint8], seen: NDArray[np.bool_] | None) -> NDArray[np.uint8]:
    """Returns pixels (h,w,3) that are pale and without colour outside `seen` (h,w), where the model does not
    see."""
    if seen is None:
        return pixels
    pale = np.repeat(pixels.mean(axis=2, keepdims=True) * 0.3 + 165, 3, axis=2)
    return np.where(seen[..., None], pixels, pale).astype(np.uint8)


def opaque(values: F32, calibration: Calibration) -> NDArray[np.uint8]:
    """Returns a map (h,w) as colours (h,w,3) uint8, white where there is no value."""
    share = shares(values, calibration)
    known = np.isfinite(share)
    colours: NDArray[np.uint8] = _map()(np.where(known, share, 0), bytes=True)[..., :3]
    colours[~known] = 255
    return np.ascontiguousarray(colours)


def overlay(values: F32, calibration: Calibration) -> NDArray[np.uint8]:
    """Returns a map (h,w) as colours (h,w,4) uint8 to lay over the image, transparent where good parts are
    alike."""
    share = np.nan_to_num(shares(values, calibration))
    colours: NDArray[np.uint8] = _map()(0.25 + 0.75 * share, bytes=True)
    colours[..., 3] = np.round(255 * OPAQUE * np.minimum(1, 2 * share))
    return colours


def levels(values: F32, calibration: Calibration) -> NDArray[np.uint8]:
    """Returns a map (h,w) as grey and opacity (h,w,2) uint8 to lay over the image, for pages that colour it."""
    share = np.nan_to_num(shares(values, calibration))
    opacity = OPAQUE * np.minimum(1, 2 * share)
    return np.round(255 * np.stack([share, opacity], axis=2)).astype(np.uint8)


def gradient(steps: int, name: str = COLOURS) -> list[tuple[int, int, int]]:
    """Returns `steps` colours of the overlay from end to end, as red, green and blue in 0..255."""
    colours = _map(name)(np.linspace(0.25, 1, steps), bytes=True)
    return [(int(r), int(g), int(b)) for r, g, b, _ in colours]


def _map(name: str = COLOURS) -> Any:
    plugins.extra("report", "matplotlib")
    from matplotlib import colormaps

    return colormaps[name]
