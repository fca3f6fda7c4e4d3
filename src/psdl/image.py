"""Pixels -> network input with its Geometry; and back: masks and maps between pixels and input."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from psdl.decode import Pixels, pixels
from psdl.errors import PsdlError
from psdl.types import F32, Geometry, InputRule

FILTERS = {"bicubic": Image.Resampling.BICUBIC, "lanczos": Image.Resampling.LANCZOS}


def plan(rule: InputRule, source: tuple[int, int], name: str = "image") -> Geometry:
    """The geometry that `rule` gives an image of size `source` (h,w). Raises PsdlError if it is too small."""
    crop = _centre(source, rule.crop or source, name)
    cropped = crop[3] - crop[1], crop[2] - crop[0]
    resized = cropped
    if rule.resize:
        resized = rule.resize
    elif rule.shorter:
        scale = rule.shorter / min(cropped)
        resized = (max(1, int(cropped[0] * scale)), max(1, int(cropped[1] * scale)))
    return Geometry(source, crop, resized, _centre(resized, rule.window or resized, name))


def _centre(size: tuple[int, int], part: tuple[int, int], name: str) -> tuple[int, int, int, int]:
    if part[0] > size[0] or part[1] > size[1]:
        raise PsdlError(
            f"{name} is {size[1]} x {size[0]} pixels, but the model's input rule cuts {part[1]} x {part[0]}"
            " from it: use larger images"
        )
    top, left = round((size[0] - part[0]) / 2), round((size[1] - part[1]) / 2)
    return left, top, left + part[1], top + part[0]


def to_input(image: Pixels, rule: InputRule, name: str = "image") -> tuple[Pixels, Geometry]:
    """Input pixels (H,W,3) uint8, before the network's normalisation, and how they came about."""
    geometry = plan(rule, image.shape[:2], name)
    return shown(image, geometry, rule), geometry


def shown(image: Pixels, geometry: Geometry, rule: InputRule) -> Pixels:
    """The pixels (H,W,3) uint8 that a geometry makes of an image, by the rule's filter."""
    resized = Image.fromarray(image).resize(
        geometry.resized[::-1], FILTERS[rule.filter], box=geometry.crop, reducing_gap=None
    )
    return np.asarray(resized.crop(geometry.window))


def scaled(geometry: Geometry, scale: float, multiple: int = 1) -> Geometry:
    """The same part of the same image at `scale` times the input's size, each side brought to the nearest multiple
    of `multiple` pixels."""
    height, width = (multiple * max(1, round(side * scale / multiple)) for side in geometry.input)
    tall, wide = height / geometry.input[0], width / geometry.input[1]
    left, top = round(geometry.window[0] * wide), round(geometry.window[1] * tall)
    resized = (
        max(round(geometry.resized[0] * tall), top + height),
        max(round(geometry.resized[1] * wide), left + width),
    )
    return Geometry(geometry.source, geometry.crop, resized, (left, top, left + width, top + height))


def thumbnail(inputs: Pixels, side: int) -> bytes:
    """Pixels (H,W,3) as a JPEG file whose longer side has at most `side` pixels."""
    small = Image.fromarray(inputs)
    small.thumbnail((side, side), Image.Resampling.BILINEAR)
    file = io.BytesIO()
    small.save(file, "JPEG", quality=75)
    return file.getvalue()


def normalise(inputs: Pixels, mean: tuple[float, ...], std: tuple[float, ...]) -> F32:
    """(n,H,W,3) uint8 -> (n,3,H,W) float32, (v - mean) / std with both in 8-bit units."""
    levels = np.arange(256, dtype=np.float32)[:, None]
    table = (levels - np.asarray(mean, np.float32)) / np.asarray(std, np.float32)
    out = np.empty((len(inputs), 3, *inputs.shape[1:3]), np.float32)
    for channel in range(3):
        np.take(table[:, channel], inputs[..., channel], out=out[:, channel])
    return out


def read_mask(path: str, size: tuple[int, int], image: str) -> NDArray[np.bool_]:
    """A mask file -> (h,w) bool, true where its value is above 0. Raises PsdlError if it is not of `size`."""
    mask: NDArray[np.bool_] = pixels(path, white=1.0).max(axis=2) > 0
    if mask.shape != size:
        raise PsdlError(
            f"{image} is {size[1]} x {size[0]} but its mask {path} is {mask.shape[1]} x {mask.shape[0]}:"
            " masks must have the image's size, export the mask again"
        )
    return mask


def mask_to_input(mask: NDArray[np.bool_], geometry: Geometry) -> NDArray[np.bool_]:
    """(h,w) -> (H,W), nearest neighbour, by the geometry of the image."""
    image = Image.fromarray(mask.astype(np.uint8))
    nearest = image.resize(geometry.resized[::-1], Image.Resampling.NEAREST, box=geometry.crop)
    return np.asarray(nearest.crop(geometry.window)) > 0


def mask_to_source(mask: NDArray[np.bool_], geometry: Geometry) -> NDArray[np.bool_]:
    """A mask (H,W) -> (h,w) of the source image; false where the input rule cut the image away."""
    found: NDArray[np.bool_] = map_to_source(mask.astype(np.float32), geometry) >= 0.5
    return found


def map_to_source(values: F32, geometry: Geometry) -> F32:
    """A map (H,W) -> (h,w) of the source image, bilinear; NaN where the input rule cut the image away."""
    left, top, right, bottom = geometry.crop
    scale_x = (right - left) / geometry.resized[1]
    scale_y = (bottom - top) / geometry.resized[0]
    box = [
        round(left + geometry.window[0] * scale_x),
        round(top + geometry.window[1] * scale_y),
        round(left + geometry.window[2] * scale_x),
        round(top + geometry.window[3] * scale_y),
    ]
    size = (max(1, box[2] - box[0]), max(1, box[3] - box[1]))
    out = np.full(geometry.source, np.nan, np.float32)
    resized = np.asarray(Image.fromarray(values).resize(size, Image.Resampling.BILINEAR))
    out[box[1] : box[1] + size[1], box[0] : box[0] + size[0]] = resized
    return out


def point_to_input(at: tuple[int, int], geometry: Geometry) -> tuple[int, int]:
    """The input pixel (x,y) that holds the middle of an image pixel (x,y), or the nearest one."""
    left, top, right, bottom = geometry.crop
    height, width = geometry.input
    x = (at[0] + 0.5 - left) * geometry.resized[1] / (right - left) - geometry.window[0]
    y = (at[1] + 0.5 - top) * geometry.resized[0] / (bottom - top) - geometry.window[1]
    return min(max(int(x), 0), width - 1), min(max(int(y), 0), height - 1)


def point_to_source(at: tuple[float, float], geometry: Geometry) -> tuple[int, int]:
    """The image pixel (x,y) at a point (x,y) of the input."""
    left, top, right, bottom = geometry.crop
    x = left + (at[0] + geometry.window[0]) * (right - left) / geometry.resized[1]
    y = top + (at[1] + geometry.window[1]) * (bottom - top) / geometry.resized[0]
    return int(x), int(y)
