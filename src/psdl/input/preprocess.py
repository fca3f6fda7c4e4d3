"""Maps the pixels of an image to the network's input, and masks, maps and points in both directions."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from psdl.errors import PsdlError
from psdl.input import affine
from psdl.input.decode import Pixels
from psdl.types import F32, Affine, Geometry, InputRule, Pose

FILTERS = {"bicubic": Image.Resampling.BICUBIC, "lanczos": Image.Resampling.LANCZOS}
GAINS = 0.25, 4.0  # least and largest factor of brightness


def plan(rule: InputRule, source: tuple[int, int], name: str = "image") -> Geometry:
    """Returns the geometry by which `rule` maps an image of size `source` (h,w) to the network's input. `name` is
    the image's name in messages. Raises PsdlError if the image is too small."""
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
    """Returns the input pixels (H,W,3) uint8 of an image (h,w,3) uint8, before the network's normalisation, and
    the geometry. Raises PsdlError if the image is too small."""
    geometry = plan(rule, image.shape[:2], name)
    return shown(image, geometry, rule), geometry


def shown(image: Pixels, geometry: Geometry, rule: InputRule) -> Pixels:
    """Returns the input pixels (H,W,3) uint8 that `geometry` makes of an image (h,w,3) or (h,w) uint8, see
    `plain`.

    Rows are resized first, then columns: from version 13.0 on, Pillow's own order depends on the sizes, and its
    rounding in between would make scores depend on its version.
    """
    (height, width), (left, top, right, bottom) = geometry.resized, geometry.crop
    how, whole = FILTERS[rule.filter], len(image)
    wide = Image.fromarray(image).resize((width, whole), how, box=(left, 0, right, whole))
    resized = wide.resize((width, height), how, box=(0, top, width, bottom))
    if geometry.transform is None:
        placed = resized.crop(geometry.window)
    elif rule.moving == "nearest":
        placed = _transformed(resized, geometry, Image.Resampling.NEAREST)
    else:
        margin = _margin(geometry)
        around = ((margin, margin), (margin, margin), (0, 0))[: image.ndim]
        bordered = Image.fromarray(np.pad(np.asarray(resized), around, mode="edge"))
        placed = _transformed(bordered, geometry, Image.Resampling.BICUBIC, margin)
    found = np.asarray(placed)
    return found if found.ndim == 3 else np.repeat(found[..., None], 3, axis=2)


def plain(image: Pixels) -> Pixels:
    """Returns one channel (h,w) of an image (h,w,3) if all channels are equal, since it is resized faster; else
    the image."""
    few = image[::16, ::16]
    for shown in (few, image):
        if not all(np.array_equal(shown[..., 0], shown[..., channel]) for channel in (1, 2)):
            return image
    return np.ascontiguousarray(image[..., 0])


def _transformed(resized: Image.Image, geometry: Geometry, how: Image.Resampling, margin: int = 0) -> Image.Image:
    """Returns the window of the transformed picture, zero outside the picture. `resized` has a margin of `margin`
    pixels."""
    window = affine.chain(
        affine.shift(margin, margin), geometry.transform, affine.shift(geometry.window[0], geometry.window[1])
    )
    return resized.transform(geometry.input[::-1], Image.Transform.AFFINE, window, how)


def _margin(geometry: Geometry) -> int:
    """Returns by how many pixels the transformed window reaches beyond the resized picture, plus 2 for
    interpolation."""
    left, top, right, bottom = geometry.window
    corners = [affine.at(geometry.transform, (x, y)) for x in (left, right) for y in (top, bottom)]
    beyond = [max(-x, x - geometry.resized[1], -y, y - geometry.resized[0]) for x, y in corners]
    return max(0, int(np.ceil(max(beyond)))) + 2


def posed(geometry: Geometry, pose: Pose | None) -> Geometry:
    """Returns the geometry with the picture turned about its centre and the window placed by `pose`, see
    `types.Pose`."""
    if pose is None:
        return geometry
    (height, width), (tall, wide) = geometry.input, geometry.resized
    turn, x, y = pose
    left, top = int(x * (wide - width + 0.999)), int(y * (tall - height + 0.999))
    window = left, top, left + width, top + height
    return replace(geometry, window=window, transform=affine.turn(turn, (wide / 2, tall / 2)))


def registered(geometry: Geometry, transform: Affine | None) -> Geometry:
    """Returns the geometry with one more affine transform, which is given in pixels of the input."""
    if transform is None:
        return geometry
    left, top = geometry.window[:2]
    return replace(
        geometry,
        transform=affine.chain(geometry.transform, affine.shift(left, top), transform, affine.shift(-left, -top)),
    )


def grey(inputs: Pixels) -> NDArray[np.uint8]:
    """Returns the luma (H,W) uint8 of pixels (H,W,3) uint8."""
    return np.asarray(Image.fromarray(inputs).convert("L"))


def sized(roi: NDArray[np.bool_] | None, size: tuple[int, int]) -> NDArray[np.bool_] | None:
    """Returns a region of interest (H,W) bool resized to `size` (h,w); None if there is none."""
    return None if roi is None else np.asarray(Image.fromarray(roi).resize(size[::-1], Image.Resampling.NEAREST))


def scaled(geometry: Geometry, scale: float, multiple: int = 1) -> Geometry:
    """Returns the geometry that maps the same part of the image to `scale` times the input's size. Each side is
    rounded to a multiple of `multiple` pixels."""
    height, width = (multiple * max(1, round(side * scale / multiple)) for side in geometry.input)
    tall, wide = height / geometry.input[0], width / geometry.input[1]
    left, top = round(geometry.window[0] * wide), round(geometry.window[1] * tall)
    resized = (
        max(round(geometry.resized[0] * tall), top + height),
        max(round(geometry.resized[1] * wide), left + width),
    )
    transform = geometry.transform and affine.chain(
        affine.scale(wide, tall), geometry.transform, affine.scale(1 / wide, 1 / tall)
    )
    return Geometry(geometry.source, geometry.crop, resized, (left, top, left + width, top + height), transform)


def reduced(geometry: Geometry, most: int) -> Geometry:
    """Returns the geometry for the same image when it is reduced to at most `most` pixels with its aspect ratio
    kept. The input does not change. If the image is small enough, the geometry is returned as it is."""
    height, width = geometry.source
    share = (most / (height * width)) ** 0.5
    if share >= 1:
        return geometry
    size = max(1, int(height * share)), max(1, int(width * share))
    tall, wide = size[0] / height, size[1] / width
    left, top, right, bottom = geometry.crop
    x, y = min(round(left * wide), size[1] - 1), min(round(top * tall), size[0] - 1)
    crop = x, y, max(x + 1, round(right * wide)), max(y + 1, round(bottom * tall))
    return replace(geometry, source=size, crop=crop)


def thumbnail(inputs: Pixels, side: int) -> bytes:
    """Returns pixels (H,W,3) uint8 as a JPEG file whose longer side has at most `side` pixels."""
    small = Image.fromarray(inputs)
    small.thumbnail((side, side), Image.Resampling.BILINEAR)
    file = io.BytesIO()
    small.save(file, "JPEG", quality=75)
    return file.getvalue()


def brightness(inputs: Pixels, inside: NDArray[np.bool_] | None = None) -> float:
    """Returns the contraharmonic mean of the samples of pixels (H,W,3) or (H,W) uint8, of those `inside` (H,W)
    bool if given. It measures the bright parts and hardly depends on how much dark background surrounds them."""
    counts = np.bincount((inputs if inside is None else inputs[inside]).ravel(), minlength=256)
    levels = np.arange(256)
    return float(counts @ levels**2) / max(1.0, float(counts @ levels))


def gain(inputs: Pixels, light: float | None, inside: NDArray[np.bool_] | None = None) -> float:
    """Returns the factor that brings pixels (H,W,3) or (H,W) to the brightness `light`, limited to GAINS, since no
    change of lighting explains more; 1 if `light` is None."""
    if light is None:
        return 1.0
    return min(max(light / max(brightness(inputs, inside), 1e-9), GAINS[0]), GAINS[1])


def normalise(inputs: Pixels, mean: tuple[float, ...], std: tuple[float, ...], gain: float = 1.0) -> F32:
    """Returns (n,3,H,W) float32, (gain v - mean) / std for each sample v of (n,H,W,3) uint8. All are in 8-bit
    units."""
    levels = np.arange(256, dtype=np.float32)[:, None] * np.float32(gain)
    table = (levels - np.asarray(mean, np.float32)) / np.asarray(std, np.float32)
    out = np.empty((len(inputs), 3, *inputs.shape[1:3]), np.float32)
    for channel in range(3):
        np.take(table[:, channel], inputs[..., channel], out=out[:, channel])
    return out


def geometry_of(card: Mapping[str, Any]) -> Geometry:
    """Returns the geometry given in its JSON form (`dataclasses.asdict`, tuples as lists)."""
    return Geometry(**{key: tuple(value) if isinstance(value, list) else value for key, value in card.items()})


def mask_to_input(mask: NDArray[np.bool_], geometry: Geometry) -> NDArray[np.bool_]:
    """Returns the mask (H,W) bool in the input of a mask (h,w) bool of the image, by nearest-neighbour
    interpolation."""
    image = Image.fromarray(mask.astype(np.uint8))
    nearest = image.resize(geometry.resized[::-1], Image.Resampling.NEAREST, box=geometry.crop)
    if geometry.transform is not None:
        return np.asarray(_transformed(nearest, geometry, Image.Resampling.NEAREST)) > 0
    return np.asarray(nearest.crop(geometry.window)) > 0


def mask_to_source(mask: NDArray[np.bool_], geometry: Geometry) -> NDArray[np.bool_]:
    """Returns the mask (h,w) bool in the source image of a mask (H,W) bool; false where the input rule cut the
    image away."""
    found: NDArray[np.bool_] = map_to_source(mask.astype(np.float32), geometry) >= 0.5
    return found


def map_to_source(values: F32, geometry: Geometry) -> F32:
    """Returns the map (h,w) float32 in the source image of a map (H,W), by bilinear interpolation; NaN where the
    input rule cut the image away and where the map is NaN."""
    known = np.isfinite(values)
    out = _to_source(values if known.all() else np.where(known, values, np.float32(0)), geometry)
    if not known.all():
        share = _to_source(known.astype(np.float32), geometry)
        with np.errstate(invalid="ignore", divide="ignore"):
            out = np.where(share >= 0.5, out / share, np.float32(np.nan))
    return out


def kept(geometry: Geometry) -> tuple[int, int, int, int]:
    """Returns the box (left, top, right, bottom) of the source image that the input shows, if nothing is
    transformed."""
    left, top, right, bottom = geometry.crop
    across, down = (right - left) / geometry.resized[1], (bottom - top) / geometry.resized[0]
    return (
        round(left + geometry.window[0] * across),
        round(top + geometry.window[1] * down),
        round(left + geometry.window[2] * across),
        round(top + geometry.window[3] * down),
    )


def _to_source(values: F32, geometry: Geometry) -> F32:
    picture = Image.fromarray(values)
    if geometry.transform is not None:
        return np.asarray(
            picture.transform(
                geometry.source[::-1],
                Image.Transform.AFFINE,
                _input_of(geometry),
                Image.Resampling.BILINEAR,
                fillcolor=float("nan"),
            )
        )
    box = kept(geometry)
    size = (max(1, box[2] - box[0]), max(1, box[3] - box[1]))
    out = np.full(geometry.source, np.nan, np.float32)
    out[box[1] : box[1] + size[1], box[0] : box[0] + size[0]] = np.asarray(
        picture.resize(size, Image.Resampling.BILINEAR)
    )
    return out


def _input_of(geometry: Geometry) -> Affine:
    """Returns the affine transform that maps a point of the source image to its point in the input."""
    left, top, right, bottom = geometry.crop
    scale = affine.scale(geometry.resized[1] / (right - left), geometry.resized[0] / (bottom - top))
    window = affine.shift(-geometry.window[0], -geometry.window[1])
    return affine.chain(window, affine.inverse(geometry.transform), scale, affine.shift(-left, -top))


def point_to_input(at: tuple[int, int], geometry: Geometry) -> tuple[int, int]:
    """Returns the input pixel (x,y) that contains the centre of an image pixel (x,y), or the nearest one."""
    height, width = geometry.input
    x, y = affine.at(_input_of(geometry), (at[0] + 0.5, at[1] + 0.5))
    return min(max(int(x), 0), width - 1), min(max(int(y), 0), height - 1)


def point_to_source(at: tuple[float, float], geometry: Geometry) -> tuple[int, int]:
    """Returns the image pixel (x,y) at a point (x,y) of the input, or the nearest one."""
    x, y = affine.at(affine.inverse(_input_of(geometry)), at)
    height, width = geometry.source
    return min(max(int(x), 0), width - 1), min(max(int(y), 0), height - 1)
