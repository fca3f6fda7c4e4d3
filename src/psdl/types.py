"""The vocabulary: what flows between stages. No behaviour beyond shape; imports numpy only.

n images of a batch, N of a set, P = h * w grid positions, F signal length, C channels, (H,W) network input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Maps = Mapping[str, F32]  # tap -> activation maps (n,C,h,w)
Run = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]  # an ordered map; jobs/ has them


@dataclass(frozen=True)
class Sample:
    """One image of a data set. label: 0 good, 1 defective, None unknown; group: the item it shows, if known."""

    path: str
    name: str  # path below the data folder, with forward slashes
    category: str
    split: Literal["train", "test", "none"] = "none"
    label: int | None = None
    kind: str = ""  # the defect's name as the data set writes it
    mask: str | None = None
    group: str | None = None


@dataclass(frozen=True)
class InputRule:
    """How an image becomes the network's input; sizes in pixels, (height, width).

    In order: `crop` cuts the centre; then `resize` sets both sides, or `shorter` the shorter one; then `window`
    cuts the centre of what is left. None leaves the step out.
    """

    crop: tuple[int, int] | None = None
    resize: tuple[int, int] | None = (256, 256)
    shorter: int | None = None
    window: tuple[int, int] | None = None
    filter: Literal["bicubic", "lanczos"] = "lanczos"


@dataclass(frozen=True)
class Geometry:
    """All that is known about pixels versus input: source (h,w); crop box (left, top, right, bottom) in source
    pixels; size (h,w) the crop is resized to; window box in resized pixels, whose size is the input (H,W)."""

    source: tuple[int, int]
    crop: tuple[int, int, int, int]
    resized: tuple[int, int]
    window: tuple[int, int, int, int]

    @property
    def input(self) -> tuple[int, int]:
        return self.window[3] - self.window[1], self.window[2] - self.window[0]


@dataclass(frozen=True)
class Network:
    """A backbone ready to run: the ONNX graph's bytes, cut to its deepest tap; channels and stride by tap, in
    the order of depth; mean and std (3,) in 8-bit units; SHA-256 of graph and weights."""

    name: str
    graph: bytes = field(repr=False)
    taps: tuple[str, ...]
    channels: tuple[int, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    graph_sha256: str
    weights_sha256: str
    licence: str = ""


@dataclass(frozen=True)
class Grid:
    """h * w positions in row-major order, `stride` input pixels apart, over an input of size (H,W)."""

    h: int
    w: int
    input: tuple[int, int]

    @property
    def positions(self) -> int:
        return self.h * self.w


@dataclass(frozen=True)
class Signals:
    """values (n,P,F) float32 on a grid."""

    values: F32
    grid: Grid


@dataclass(frozen=True)
class State:
    """Whatever a method learned: its grid and named arrays, so that one file format fits all."""

    grid: Grid
    arrays: Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Part:
    """One source of distances: signals cut from taps, and a method on them.

    taps: one or several; grid: whose grid gives the positions, "deepest" (the coarsest), "shallowest", or a tap.
    pool: average each map over pool x pool neighbours first (1: not at all). square: keep only the largest square
    number of channels, as a DCT start needs. unseen: measure distances in units of what held-out good images
    show. weight: share in the sum of parts.
    """

    name: str
    taps: tuple[str, ...]
    method: str
    params: Mapping[str, Any] = field(default_factory=dict)
    grid: str = "deepest"
    pool: int = 1
    square: bool = True
    unseen: bool = False
    weight: float = 1.0


@dataclass(frozen=True)
class Recipe:
    """A complete setting; values only. input None: the data layout's own rule, or 256 x 256."""

    name: str
    arch: str
    parts: tuple[Part, ...]
    input: InputRule | None = None
    smoothing: float = 4.0  # Gaussian sigma of the map, in input pixels
    image_score: str = "max"
    folds: int = 3  # for scores of good images as if unseen
    seed: int = 0


@dataclass(frozen=True)
class Score:
    """Of n images: map (n,H,W) float32, image (n,) float64; larger is stranger. parts: each one's (n,P)."""

    map: F32
    image: F64
    parts: Mapping[str, F32]


@dataclass(frozen=True)
class Calibration:
    """What good images score when the dictionaries have not seen them.

    scores (N,) float64 ascending; alarm: the share of good images the threshold may reject; threshold: image
    scores above it are NG; peak_threshold: likewise for the maximum of a map; pixel_threshold: the map value
    that the share `alarm` of good pixels exceeds; groups: how many items the N images show; weights (N,): each
    image's part of its item, 1 over the number of its pictures (None: all 1); review: the share of
    good images that may be looked at by a person, at least alarm (0: none); origin: where scores and thresholds
    come from, in words.
    """

    scores: F64
    alarm: float
    threshold: float
    peak_threshold: float
    pixel_threshold: float
    groups: int
    weights: F64 | None = None
    review: float = 0.0
    origin: str = "good images held out while learning"


@dataclass(frozen=True)
class Verdict:
    """OK, REVIEW or NG; p_value: the share of unseen good images that score at least as high (never 0);
    review_threshold: scores above it are REVIEW, None where there is no such verdict."""

    verdict: Literal["OK", "REVIEW", "NG"]
    score: float
    threshold: float
    p_value: float
    review_threshold: float | None = None


@dataclass(frozen=True)
class Region:
    """One connected part of a defect mask, in image pixels; x goes right, y down, from 0.

    area in pixels; box (left, top, right, bottom), right and bottom exclusive; peak: the map's largest value
    inside, peak_at (x,y): where; centroid (x,y).
    """

    area: int
    box: tuple[int, int, int, int]
    peak: float
    peak_at: tuple[int, int]
    centroid: tuple[float, float]


@dataclass(frozen=True)
class Model:
    """All that a model file holds. options: the resolved options it was learned with."""

    recipe: Recipe
    network: Network = field(repr=False)
    states: Mapping[str, State] = field(repr=False)
    calibration: Calibration = field(repr=False)
    categories: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
