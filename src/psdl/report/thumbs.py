"""Judged images -> small pictures for a page: the image, its heat, the outline of its mask, patches like it."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from psdl import image
from psdl.report import heat
from psdl.types import Like, Model, Sample

SIDES = ((200, 448), (500, 320), (1000, 224))  # up to so many images: pixels of the longer side
MOST = 1000  # images of a page that have pictures
HEAT = 160  # pixels of the heat's longer side
PATCH = 96  # pixels of a patch's longer side


def side_for(images: int) -> int:
    """Pixels of a picture's longer side on a page of so many images, so that 500 stay below 15 MB."""
    return next((side for count, side in SIDES if images <= count), SIDES[-1][1])


def thumb(found: Sample, result: Any, side: int) -> dict[str, Any]:
    """One image: picture and heat as data addresses, width and height of the picture, the mask's outline as an
    SVG path in its pixels, and for each region the patch pairs of its reasons, where there are any."""
    pixels = image.pixels(found.path)
    small = Image.fromarray(pixels)
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    step = max(1, max(pixels.shape[:2]) // HEAT)
    colours = Image.fromarray(heat.overlay(result.map[::step, ::step], result.calibration))
    return {
        "image": _address(small, 72),
        "heat": _address(colours, 60),
        "width": small.width,
        "height": small.height,
        "outline": _outline(result.mask, small.width / pixels.shape[1], small.height / pixels.shape[0]),
        "patches": [_patches(region, found, result) for region in result.regions[:3]],
    }


def _patches(region: Any, found: Sample, result: Any) -> dict[str, str] | None:
    """What lies at a region's strangest place, and the good patch most like it; None where nobody can tell."""
    model: Model = result.model
    like: Like | None = next((reason.like for reason in region.reasons if reason.like), None)
    if like is None or not model.album or model.recipe.input is None:
        return None
    inputs, _ = image.to_input(image.pixels(found.path), model.recipe.input)
    with Image.open(io.BytesIO(model.album[like.number])) as good:
        scale = good.width / inputs.shape[1], good.height / inputs.shape[0]
        left, top, right, bottom = like.box
        box = (left * scale[0], top * scale[1], right * scale[0], bottom * scale[1])
        theirs = good.convert("RGB").resize(_size(like), Image.Resampling.BICUBIC, box=box)
    ours = Image.fromarray(inputs).resize(_size(like), Image.Resampling.BICUBIC, box=like.box)
    return {"here": _address(ours, 75), "good": _address(theirs, 75), "name": like.image}


def _size(like: Like) -> tuple[int, int]:
    width, height = like.box[2] - like.box[0], like.box[3] - like.box[1]
    larger = max(width, height)
    return max(1, round(PATCH * width / larger)), max(1, round(PATCH * height / larger))


def _address(picture: Image.Image, quality: int) -> str:
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=quality, method=4)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()


def _outline(mask: NDArray[np.bool_], across: float, down: float) -> str:
    """The borders of a mask (h,w) as an SVG path, its coordinates scaled by (across, down)."""
    if not mask.any():
        return ""
    from contourpy import contour_generator

    step = max(1, max(mask.shape) // 512)
    edged = np.pad(mask[::step, ::step].astype(np.float32), 1)
    lines = contour_generator(z=edged).lines(0.5)
    places = [np.round((np.asarray(line) - 0.5) * step * (across, down), 1) for line in lines]
    return "".join("M" + "L".join(f"{x:g} {y:g}" for x, y in line) + "Z" for line in places)
