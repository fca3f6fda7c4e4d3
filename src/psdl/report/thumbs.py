"""Makes small pictures for a page: the image, its heat map, the outline of its mask, and similar good patches."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from psdl.input import decode, preprocess
from psdl.input import room as hall
from psdl.report import heat
from psdl.types import InputRule, Like, Region, Sample

MOST = 1000  # images of a page that have pictures
ROOM = 10_000_000  # bytes that the pictures of a page may take, before a third is added by their encoding
TRIES = (
    (1024, 75),
    (700, 72),
    (448, 72),
    (336, 65),
    (224, 60),
    (224, 35),
    (134, 30),
)  # sides, qualities: what fits
HEAT = 160  # pixels of the heat's longer side
OUTLINE = 3000  # characters of a mask's outline
PATCH = 240, 80  # pixels of a patch's longer side, where there is room and where there is not
LARGE = 60_000  # bytes of room from which on patches are large
PAIRS = 3  # regions of an image that are shown with patches


def thumb(found: Sample, result: Any, room: int) -> dict[str, Any]:
    """Returns one image for a page in about `room` bytes.

    `image` and `heat` are data URLs of the picture and its heat map, `width` and `height` the size of the picture,
    `outline` the mask's border as an SVG path in its pixels. `spot` is a ring about the most anomalous place if
    the mask is empty. `patches` holds for each region the image's patch and the most similar good one, or None.
    """
    with hall.held(found.path):
        pixels = decode.pixels(found.path, white=result.model.recipe.input.white)
        return _drawn(pixels, result, room)


def _drawn(pixels: decode.Pixels, result: Any, room: int) -> dict[str, Any]:
    step = max(1, max(pixels.shape[:2]) // HEAT)
    grey = Image.fromarray(heat.levels(result.map[::step, ::step], result.calibration))
    heated = _encoded(grey.convert("RGBA"), 60)
    used, pairs = len(heated) + OUTLINE, []
    mask = result.mask
    shown = result.regions or (result.strangest,)
    explained = shown[:PAIRS] if result.model.album else ()
    longest = PATCH[0 if room > LARGE else 1]
    rule = result.model.recipe.input or InputRule()
    inputs = preprocess.shown(pixels, result.geometry, rule) if explained else pixels
    for region in explained:
        pair = _patches(region, inputs, result, longest) if used < room / 2 else None
        used += len(pair["here"]) + len(pair["good"]) if pair else 0
        pairs.append(pair)
    small, data = _fitting(Image.fromarray(heat.dimmed(pixels, result.seen)), room - used)
    return {
        "image": _address(data),
        "heat": _address(heated),
        "width": small.width,
        "height": small.height,
        "outline": _outline(mask, small.width / pixels.shape[1], small.height / pixels.shape[0]),
        "spot": "" if mask.any() else _ringed(result.strangest, small.width / pixels.shape[1], small.size),
        "patches": [
            pair and {"here": _address(pair["here"]), "good": _address(pair["good"]), "name": pair["name"]}
            for pair in pairs
        ],
    }


def _fitting(picture: Image.Image, room: int) -> tuple[Image.Image, bytes]:
    """Returns the picture made small, and its file: the best of TRIES that fits into `room` bytes, or the last."""
    for side, quality in TRIES:
        if side * side / 50 > room and side > TRIES[-1][0]:
            continue  # so much even a smooth picture takes
        small = picture.copy()
        small.thumbnail((side, side), Image.Resampling.LANCZOS)
        data = _encoded(small, quality)
        if len(data) <= room:
            break
    return small, data


def _patches(region: Region, inputs: decode.Pixels, result: Any, longest: int) -> dict[str, Any] | None:
    """Returns the patch at a region's most anomalous place and the most similar good patch, up to `longest` pixels
    a side; None if no good patch is known."""
    reason = next((reason for reason in region.reasons if reason.like), None)
    if reason is None or reason.like is None:
        return None
    like = reason.like
    here = _about(preprocess.point_to_input(reason.at, result.geometry), like, inputs.shape[:2])
    with Image.open(io.BytesIO(result.model.album[like.number]), formats=["JPEG"]) as good:
        scale = good.width / inputs.shape[1], good.height / inputs.shape[0]
        left, top, right, bottom = like.box
        box = (left * scale[0], top * scale[1], right * scale[0], bottom * scale[1])
        theirs = good.convert("RGB").resize(_size(like, longest), Image.Resampling.BICUBIC, box=box)
    ours = Image.fromarray(inputs).resize(_size(like, longest), Image.Resampling.BICUBIC, box=here)
    return {"here": _encoded(ours, 60), "good": _encoded(theirs, 60), "name": like.image}


def _about(at: tuple[int, int], like: Like, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Returns the box about a point (x,y) of an input of `size` (h,w) that has the size of the good patch."""
    width, height = like.box[2] - like.box[0], like.box[3] - like.box[1]
    left = min(max(0, at[0] - width // 2), size[1] - width)
    top = min(max(0, at[1] - height // 2), size[0] - height)
    return left, top, left + width, top + height


def _size(like: Like, longest: int) -> tuple[int, int]:
    width, height = like.box[2] - like.box[0], like.box[3] - like.box[1]
    larger = max(width, height)
    return max(1, round(longest * width / larger)), max(1, round(longest * height / larger))


def _encoded(picture: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=quality, method=2)
    return file.getvalue()


def _address(data: bytes) -> str:
    return "data:image/webp;base64," + base64.b64encode(data).decode()


def _ringed(region: Region, scale: float, size: tuple[int, int]) -> str:
    """Returns a ring about a region as an SVG path, in a picture of `size` (w,h) that is `scale` times the
    image."""
    left, top, right, bottom = (scale * edge for edge in region.box)
    across, down = (max((b - a) / 2 + 3, 0.03 * max(size)) for a, b in ((left, right), (top, bottom)))
    x, y = (left + right) / 2 - across, (top + bottom) / 2
    arc = f"a{across:.0f} {down:.0f} 0 1 0 "
    return f"M{x:.0f} {y:.0f}{arc}{2 * across:.0f} 0{arc}{-2 * across:.0f} 0Z"


def _outline(mask: NDArray[np.bool_], across: float, down: float) -> str:
    """Returns the borders of a mask (h,w) as an SVG path with coordinates scaled by (across, down), as fine as
    OUTLINE characters allow."""
    if not mask.any():
        return ""
    path, step = "", max(1, max(mask.shape) // 512)
    while not path or len(path) > OUTLINE:
        path = _traced(mask[::step, ::step], step * across, step * down)
        step *= 2
    return path


def _traced(mask: NDArray[np.bool_], across: float, down: float) -> str:
    from contourpy import contour_generator

    lines = contour_generator(z=np.pad(mask.astype(np.float32), 1)).lines(0.5)
    places = [np.round((np.asarray(line)[:: max(1, len(line) // 60)] - 0.5) * (across, down)) for line in lines]
    return "".join("M" + "L".join(f"{x:g} {y:g}" for x, y in line) + "Z" for line in places) or "M0 0"
