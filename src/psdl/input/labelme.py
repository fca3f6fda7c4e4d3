"""Draws the shapes of a LabelMe file (JSON with `shapes` that have `points`) as a mask."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from psdl.input import marks

__all__ = ["mask", "recognise", "size"]

Points = list[tuple[float, float]]
BEYOND = 0.05  # share of a side by which points may lie outside of the image


def recognise(values: Any) -> bool:
    """Returns whether a JSON value is a LabelMe file."""
    shapes = values.get("shapes") if isinstance(values, dict) else None
    return isinstance(shapes, list) and all(isinstance(one, dict) for one in shapes)


def size(values: Any) -> tuple[int, int] | None:
    """Returns the size (h,w) that the file states for its image; None if it states none."""
    height, width = values.get("imageHeight"), values.get("imageWidth")
    return (int(height), int(width)) if height and width else None


def mask(values: Any, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Returns a mask (h,w) bool of `size`, true inside the shapes and on lines and points.

    If only some shapes are defects, by their labels, only those are drawn, see `marks.defects`. Raises ValueError,
    TypeError, KeyError or IndexError on invalid shapes, on shapes of unknown types, and on shapes outside the
    image.
    """
    canvas = Image.new("1", size[::-1])
    draw = ImageDraw.Draw(canvas)
    for shape in marks.defects(values["shapes"], lambda one: one.get("label")):
        points = [(float(x), float(y)) for x, y in shape["points"]]
        _check(points, size)
        kind = shape.get("shape_type") or "polygon"
        if kind == "mask":
            drawn = _pixels(shape["mask"])
            canvas.paste(1, (round(points[0][0]), round(points[0][1])), drawn)
        elif kind in KINDS:
            KINDS[kind](draw, points)
        else:
            raise ValueError(f"shapes of the type {kind!r} are not known, only {', '.join([*KINDS, 'mask'])}")
    return np.asarray(canvas)


def _check(points: Points, size: tuple[int, int]) -> None:
    """Raises ValueError if there are no points, if they are not finite, or if they lie far outside an image of
    `size` (h,w)."""
    spots = np.array(points, np.float64).reshape(-1, 2)
    room = np.array(size[::-1]) * BEYOND + 2
    if not len(spots) or not (np.isfinite(spots) & (spots >= -room) & (spots <= size[::-1] + room)).all():
        raise ValueError(f"points outside of an image of {size[1]} x {size[0]}")


def _pixels(text: str) -> Image.Image:
    """Returns the bitmap that a shape of type "mask" holds, true inside."""
    try:
        with Image.open(io.BytesIO(base64.b64decode(text)), formats=("PNG",)) as image:
            return Image.fromarray(np.array(image.convert("L")) > 0)
    except (OSError, binascii.Error, Image.DecompressionBombError) as error:
        raise ValueError(f"pixels that cannot be read: {error}") from None


def _polygon(draw: ImageDraw.ImageDraw, points: Points) -> None:
    if len(points) < 3:
        raise ValueError(f"a polygon of {len(points)} points, expected at least 3")
    draw.polygon(points, fill=1)


def _rectangle(draw: ImageDraw.ImageDraw, points: Points) -> None:
    if len(points) < 2:
        raise ValueError("a rectangle of one point")
    xs, ys = zip(*points, strict=True)
    draw.rectangle([min(xs), min(ys), max(xs), max(ys)], fill=1)


def _circle(draw: ImageDraw.ImageDraw, points: Points) -> None:
    (x, y), edge = points[0], points[1]
    reach = float(np.hypot(edge[0] - x, edge[1] - y))
    draw.ellipse([x - reach, y - reach, x + reach, y + reach], fill=1)


def _line(draw: ImageDraw.ImageDraw, points: Points) -> None:
    if len(points) > 1:
        draw.line(points, fill=1, width=3)
    else:
        draw.point(points, fill=1)


def _points(draw: ImageDraw.ImageDraw, points: Points) -> None:
    draw.point(points, fill=1)


KINDS: dict[str, Callable[[ImageDraw.ImageDraw, Points], None]] = {
    "polygon": _polygon,
    "rotation": _polygon,
    "oriented_rectangle": _polygon,
    "rectangle": _rectangle,
    "circle": _circle,
    "line": _line,
    "linestrip": _line,
    "point": _points,
    "points": _points,
}  # what draws each type of shapes
