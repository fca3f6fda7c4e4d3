"""What is drawn in a LabelMe file (JSON: `shapes` with `points`) -> a mask."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw


def recognise(values: Any) -> bool:
    """Whether a JSON value is a LabelMe file."""
    return isinstance(values, dict) and isinstance(values.get("shapes"), list)


def mask(values: Any, size: tuple[int, int]) -> NDArray[np.bool_]:
    """(h,w) bool, true inside polygons, rectangles, circles and on lines and points, of an image of `size` (h,w).

    Raises ValueError, TypeError, KeyError or IndexError on shapes that are none.
    """
    canvas = Image.new("1", size[::-1])
    draw = ImageDraw.Draw(canvas)
    for shape in values["shapes"]:
        points = [(float(x), float(y)) for x, y in shape["points"]]
        kind = shape.get("shape_type") or "polygon"
        if kind == "rectangle":
            (left, top), (right, bottom) = (min(points), max(points)) if len(points) == 2 else _box(points)
            draw.rectangle([left, min(top, bottom), right, max(top, bottom)], fill=1)
        elif kind == "circle":
            (x, y), edge = points[0], points[1]
            reach = float(np.hypot(edge[0] - x, edge[1] - y))
            draw.ellipse([x - reach, y - reach, x + reach, y + reach], fill=1)
        elif kind in ("line", "linestrip", "point", "points"):
            draw.line(points, fill=1, width=3) if len(points) > 1 else draw.point(points, fill=1)
        else:
            draw.polygon(points, fill=1)
    return np.asarray(canvas)


def _box(points: list[tuple[float, float]]) -> tuple[tuple[float, float], tuple[float, float]]:
    xs, ys = zip(*points, strict=True)
    return (min(xs), min(ys)), (max(xs), max(ys))
