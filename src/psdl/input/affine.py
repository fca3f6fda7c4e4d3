"""Affine transforms (a,b,c,d,e,f) of a picture: its point (x,y) shows what was at (ax + by + c, dx + ey + f)
before.

Pixels are unit squares, the first from 0 to 1, as in Pillow.
"""

from __future__ import annotations

import math

from psdl.types import Affine

__all__ = ["at", "chain", "inverse", "scale", "shift", "turn"]


def turn(degrees: float, centre: tuple[float, float]) -> Affine:
    """Returns the transform that turns a picture counter-clockwise, as seen, about the point `centre` (x,y)."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    x, y = centre
    return cosine, -sine, x - cosine * x + sine * y, sine, cosine, y - sine * x - cosine * y


def shift(x: float, y: float) -> Affine:
    """Returns the transform after which the picture's point (0,0) shows what was at (x,y)."""
    return 1.0, 0.0, x, 0.0, 1.0, y


def scale(x: float, y: float) -> Affine:
    """Returns the transform after which the picture's point (1,1) shows what was at (x,y) and (0,0) stays."""
    return x, 0.0, 0.0, 0.0, y, 0.0


def chain(*transforms: Affine | None) -> Affine:
    """Returns the composition of several transforms; the last one is applied first to a point. None is the
    identity."""
    total = shift(0, 0)
    for transform in transforms:
        if transform is not None:
            a, b, c, d, e, f = total
            g, h, i, j, k, l = transform
            total = (
                a * g + b * j,
                a * h + b * k,
                a * i + b * l + c,
                d * g + e * j,
                d * h + e * k,
                d * i + e * l + f,
            )
    return total


def inverse(transform: Affine | None) -> Affine | None:
    """Returns the inverse of a transform; None, the identity, stays None."""
    if transform is None:
        return None
    a, b, c, d, e, f = transform
    size = a * e - b * d
    return e / size, -b / size, (b * f - c * e) / size, -d / size, a / size, (c * d - a * f) / size


def at(transform: Affine | None, point: tuple[float, float]) -> tuple[float, float]:
    """Returns the point (x,y) of the original picture that the transformed picture shows at `point` (x,y)."""
    if transform is None:
        return point
    a, b, c, d, e, f = transform
    return a * point[0] + b * point[1] + c, d * point[0] + e * point[1] + f
