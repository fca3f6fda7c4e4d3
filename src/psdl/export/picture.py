"""Adds to a graph: an image of any size -> the network's input, bit-identical to Pillow's resizing.

Pillow resizes along rows, then along columns, with 22-bit fixed-point weights, and rounds to 8 bits after each.
Sums of such products are exact in float64, so the graph gives the same values.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from psdl.export.graph import Graph
from psdl.input import preprocess
from psdl.types import Network

BITS = 22
SUPPORT = {"lanczos": 3.0, "bicubic": 2.0}


def resized(
    g: Graph, image: str, box: tuple[float, float, float, float] | None, size: tuple[int, int], how: str
) -> str:
    """Returns an image (h,w,3) uint8 resized to (3,H,W) float64 of whole numbers.

    `box` (left, top, right, bottom) is the region of the image to resize; None takes the whole image. `size` is
    (H,W). `how` is the filter, "lanczos" or "bicubic".
    """
    values = g.op("Cast", g.op("Transpose", image, perm=[2, 0, 1]), to=11)
    left, top, right, bottom = box or (0.0, 0.0, None, None)
    shape = g.op("Shape", values)
    columns = _weights(g, g.op("Gather", shape, 2), (left, right), size[1], how)
    wide = _rounded(g, g.op("MatMul", values, g.op("Transpose", columns, perm=[1, 0])))
    rows = _weights(g, g.op("Gather", shape, 1), (top, bottom), size[0], how)
    return _rounded(g, g.op("MatMul", rows, wide))


def _rounded(g: Graph, sums: str) -> str:
    """Returns sums of fixed-point products rounded to whole numbers from 0 to 255."""
    half = g.op("Add", sums, np.float64(2 ** (BITS - 1)))
    whole = g.op("Floor", g.op("Div", half, np.float64(2**BITS)))
    return g.op("Clip", whole, np.float64(0), np.float64(255))


def _weights(g: Graph, count: str, ends: tuple[float, float | None], size: int, how: str) -> str:
    """Returns Pillow's weights times 2^BITS along an axis, (size, count) float64 of whole numbers."""
    n = g.op("Cast", count, to=11)
    end = n if ends[1] is None else np.float64(ends[1])
    scale = g.op("Div", g.op("Sub", end, np.float64(ends[0])), np.float64(size))
    wider = g.op("Max", scale, np.float64(1))
    support = g.op("Mul", wider, np.float64(SUPPORT[how]))
    middles = (np.arange(size, dtype=np.float64) + 0.5)[:, None]
    centre = g.op("Add", g.op("Mul", middles, scale), np.float64(ends[0]))
    places = g.op("Unsqueeze", g.op("Range", np.float64(0), n, np.float64(1)), np.array([0]))
    first = g.op("Floor", g.op("Max", g.op("Add", g.op("Sub", centre, support), np.float64(0.5)), np.float64(0)))
    last = g.op("Floor", g.op("Add", g.op("Add", centre, support), np.float64(0.5)))
    inside = g.op("And", g.op("GreaterOrEqual", places, first), g.op("Less", places, last))
    offset = g.op("Div", g.op("Add", g.op("Sub", places, centre), np.float64(0.5)), wider)
    values = g.op("Where", inside, _lanczos(g, offset) if how == "lanczos" else _bicubic(g, offset), np.float64(0))
    shares = g.op("Div", values, g.op("ReduceSum", values, np.array([1]), keepdims=1))
    fixed = g.op("Mul", shares, np.float64(2**BITS))
    away = g.op("Floor", g.op("Add", g.op("Abs", fixed), np.float64(0.5)))
    return g.op("Mul", g.op("Sign", fixed), away)


def _lanczos(g: Graph, x: str) -> str:
    """Returns the Lanczos kernel of support 3."""
    values = g.op("Mul", _sinc(g, x), _sinc(g, g.op("Div", x, np.float64(3))))
    inside = g.op("And", g.op("GreaterOrEqual", x, np.float64(-3)), g.op("Less", x, np.float64(3)))
    return g.op("Where", inside, values, np.float64(0))


def _sinc(g: Graph, x: str) -> str:
    """Returns sin(pi x) / (pi x), 1 at 0."""
    turned = g.op("Mul", x, np.float64(math.pi))
    zero = g.op("Equal", turned, np.float64(0))
    safe = g.op("Where", zero, np.float64(1), turned)
    return g.op("Where", zero, np.float64(1), g.op("Div", g.op("Sin", safe), safe))


def _bicubic(g: Graph, x: str, a: float = -0.5) -> str:
    """Returns the bicubic kernel with Pillow's a = -0.5."""
    d = g.op("Abs", x)
    near = _polynomial(g, d, (a + 2, -(a + 3), 0.0, 1.0))
    far = _polynomial(g, d, (a, -5 * a, 8 * a, -4 * a))
    beyond = g.op("Where", g.op("Less", d, np.float64(2)), far, np.float64(0))
    return g.op("Where", g.op("Less", d, np.float64(1)), near, beyond)


def _polynomial(g: Graph, x: str, weights: tuple[float, ...]) -> str:
    """Returns a polynomial of x; `weights` are its coefficients, the highest power first."""
    value = g.constant(np.float64(weights[0]))
    for weight in weights[1:]:
        value = g.op("Add", g.op("Mul", value, x), np.float64(weight))
    return value


def cut(g: Graph, pixels: str, window: tuple[int, int, int, int]) -> str:
    """Returns the window (left, top, right, bottom) of pixels (3,H,W)."""
    left, top, right, bottom = window
    return g.op("Slice", pixels, np.array([top, left]), np.array([bottom, right]), np.array([1, 2]))


def gain(g: Graph, pixels: str, light: float | None, inside: NDArray[np.bool_] | None) -> str:
    """Returns the brightness factor, a float32, of pixels (3,h,w) float64, like `preprocess.gain`.

    `light` is the brightness to reach; None gives 1. `inside` (h,w) restricts it to the region of interest.
    """
    if light is None:
        return g.constant(1.0)
    if inside is not None:
        pixels = g.op("Mul", pixels, inside.astype(np.float64))
    total = g.op("Max", g.op("ReduceSum", pixels, keepdims=0), np.float64(1))
    brightness = g.op("Max", g.op("Div", g.op("ReduceSumSquare", pixels, keepdims=0), total), np.float64(1e-9))
    factor = g.op("Clip", g.op("Div", np.float64(light), brightness), *map(np.float64, preprocess.GAINS))
    return g.op("Cast", factor, to=1)


def normalised(g: Graph, pixels: str, network: Network, factor: str, inside: NDArray[np.bool_] | None) -> str:
    """Returns the network's input (1,3,h,w) float32 of pixels (3,h,w) float64.

    It is (factor v - mean) / std, and 0 outside `inside` (h,w), if that is given.
    """
    values = g.op("Mul", g.op("Cast", pixels, to=1), factor)
    mean, std = (np.asarray(v, np.float32)[:, None, None] for v in (network.mean, network.std))
    scaled = g.op("Div", g.op("Sub", values, mean), std)
    if inside is not None:
        scaled = g.op("Where", inside, scaled, 0.0)
    return g.op("Unsqueeze", scaled, np.array([0]))
