"""The data types that flow between the stages. In shapes: n images of a batch, N of a set; P positions; F features
of a signal; C channels; h * w cells of a grid; (H,W) the network's input."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["F32", "F64", "Affine", "Maps", "Pose", "Progress", "Run"]
__all__ += ["Geometry", "Grid", "InputRule", "Network", "Part", "Recipe", "Sample", "Signals", "State"]
__all__ += ["Calibration", "Coded", "Like", "Origin", "Rates", "Reason", "Region", "Score", "Verdict"]

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Maps = Mapping[str, F32]  # tap -> activation maps (n,C,h,w)
Run = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]  # an ordered map; jobs/ has them
Affine = tuple[float, float, float, float, float, float]
Pose = tuple[float, float, float]  # degrees counter-clockwise, and x, y in 0..1: where the window lies
Progress = Callable[[str, int, int], None]  # stage, how many were done just now, how many there are in all


@dataclass(frozen=True)
class Sample:
    """One image of a data set, with what is known of it. `label` is 0 for good, 1 for defective, None for unknown;
    `group` is the item that it shows; `part` is the physical part of which it is one view, where several views get
    one verdict."""

    path: str
    name: str  # path below the data folder, with forward slashes
    category: str
    split: Literal["train", "test", "none"] = "none"
    label: int | None = None
    kind: str = ""  # the defect's name as the data set writes it
    mask: str | tuple[str, ...] | None = None  # see `masks.read`
    group: str | None = None
    part: str | None = None
    pose: Pose | None = None


@dataclass(frozen=True)
class InputRule:
    """How an image becomes the network's input. Sizes are (height, width) in pixels. The steps, in this order:
    `crop` cuts out the centre; `resize` sets both sides, or `shorter` the shorter one with the aspect ratio kept;
    `window` cuts out the centre of that. A step that is None is left out."""

    crop: tuple[int, int] | None = None
    resize: tuple[int, int] | None = (256, 256)
    shorter: int | None = None
    window: tuple[int, int] | None = None
    filter: Literal["bicubic", "lanczos"] = "lanczos"
    white: float | None = None  # the sample value that becomes 255, for images of more than 8 bits
    align: str = "none"  # or "shift", "rigid": how images are registered to the model's reference
    moving: Literal["smooth", "nearest"] = "smooth"  # interpolation of turned pixels: bicubic or nearest


@dataclass(frozen=True)
class Geometry:
    """How the pixels of one image were mapped to the network's input. Boxes are (left, top, right, bottom). The
    affine `transform` (a,b,c,d,e,f) maps each point (x,y) of the transformed picture to the point (ax + by + c, dx
    + ey + f) of the resized picture, whose colour it gets; None: no transform."""

    source: tuple[int, int]  # (h,w) of the image
    crop: tuple[int, int, int, int]  # in pixels of the image
    resized: tuple[int, int]  # (h,w) to which the crop is resized
    window: tuple[int, int, int, int]  # in resized pixels; its size is the input (H,W)
    transform: Affine | None = None

    @property
    def input(self) -> tuple[int, int]:
        """The size (H,W) of the network's input."""
        return self.window[3] - self.window[1], self.window[2] - self.window[0]


@dataclass(frozen=True)
class Network:
    """A backbone that is ready to run: ONNX graphs that compute no more than the taps that are needed. `mean` and
    `std` are those of its input's three channels, in 8-bit units."""

    name: str
    graph: bytes = field(repr=False)  # the ONNX file that computes `graph_taps`
    taps: tuple[str, ...]  # in the order of depth; those of a second network follow those of the first
    channels: tuple[int, ...]  # of each tap
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    graph_sha256: str  # in hexadecimal, as the next
    weights_sha256: str
    licence: str = ""
    cuts: Mapping[tuple[str, ...], bytes] = field(default_factory=dict, repr=False)  # more, by their taps
    graph_taps: tuple[str, ...] = ()  # empty: all taps


@dataclass(frozen=True)
class Grid:
    """The h * w cells, in row-major order, into which an input (H,W) is divided. The P positions are all cells,
    or, with a region of interest `roi` (H,W), those that touch it."""

    h: int
    w: int
    input: tuple[int, int]
    roi: NDArray[np.bool_] | None = field(default=None, compare=False, repr=False)

    @cached_property
    def cells(self) -> NDArray[np.intp]:
        """The index (P,) of each position's cell."""
        if self.roi is None:
            return np.arange(self.h * self.w)
        tall, wide = (-(-np.arange(n) * side // n) for n, side in zip((self.h, self.w), self.input, strict=True))
        touched = np.logical_or.reduceat(np.logical_or.reduceat(self.roi, tall, axis=0), wide, axis=1)
        return np.flatnonzero(touched)

    @property
    def positions(self) -> int:
        return self.h * self.w if self.roi is None else len(self.cells)


@dataclass(frozen=True)
class Signals:
    """Patch embeddings: values (n,P,F) float32, on a grid."""

    values: F32
    grid: Grid


@dataclass(frozen=True)
class State:
    """What a method has learned: the grid and named arrays, in one form for all methods, so that one file format
    fits."""

    grid: Grid
    arrays: Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Part:
    """One branch of a recipe: signals cut from one or several taps, and the method that gives their distances.
    `grid` names the tap whose grid sets the positions: "deepest" (the coarsest), "shallowest", or a tap's name.
    `pool`: each map is averaged over pool x pool neighbours first. `square`: only the largest square number of
    channels is kept, as a DCT dictionary needs. `unseen`: distances are standardised, at each position, by those
    of held-out good images; `shrink` in 0..1 is how far these statistics are drawn to their mean over
    positions."""

    name: str
    taps: tuple[str, ...]
    method: str
    params: Mapping[str, Any] = field(default_factory=dict)
    grid: str = "deepest"
    pool: int = 1
    square: bool = True
    unseen: bool = False
    shrink: float = 0.0  # set by learning, see crossval.shrinkage
    scale: float = 1.0  # size of the network's input, as a multiple of the recipe's
    weight: float = 1.0  # in the anomaly map
    image_weight: float | None = None  # in the map that the image score is taken from; None: as weight
    smoothing: float | None = None  # Gaussian sigma of its map, in input pixels; None: the recipe's


@dataclass(frozen=True)
class Recipe:
    """All settings of learning, as plain values. `input` None: the rule of the data layout, or 256 x 256
    pixels."""

    name: str
    arch: str
    parts: tuple[Part, ...]
    input: InputRule | None = None
    smoothing: float = 4.0  # Gaussian sigma of the map, in input pixels
    image_score: str = "max"
    explained: tuple[float, ...] = ()  # learning sets weights: these, times a power of the energy a part explains
    image_explained: tuple[float, ...] = ()  # likewise those of image scores; (): as explained
    multiple: int = 1  # the sides of what the network sees are multiples of so many pixels
    light: float | None = None  # 0..255: what images are brought to, see preprocess.brightness; None: as they are
    tile: int | None = None  # pixels a side of the overlapping tiles in which larger inputs are seen
    folds: int = 3  # at most, for scores of good images as if unseen
    seed: int = 0


@dataclass(frozen=True)
class Coded:
    """What a method says of n images at P positions. All arrays are (n,P) float32, but `atom` int32. Methods that
    do no sparse coding give the distance alone."""

    distance: F32  # larger is more anomalous
    code: F32 | None = None  # L1 norms of the sparse codes
    residual: F32 | None = None  # norms of the residuals
    atom: NDArray[np.int32] | None = None  # index of each code's strongest atom, -1 where there is none
    norm: F32 | None = None  # norms of the signals that were coded


@dataclass(frozen=True)
class Score:
    """The scores of n images: maps (n,H,W) float32 and image scores (n,) float64. Larger is more anomalous."""

    map: F32
    image: F64


@dataclass(frozen=True)
class Origin:
    """Where an image came from. Copies of one picture share `seen`, whatever their files (see
    `extractor.digest`)."""

    name: str
    sha256: str  # of its file, or of its pixels if there was no file
    seen: str = ""  # SHA-256 of what the network sees of it; empty if that is not known


@dataclass(frozen=True)
class Rates:
    """What was asked of the thresholds. `false_reject` is the share of good images that may be NG, `review` the
    share that may be NG or REVIEW (0: there is no verdict REVIEW), and `confidence` the probability with which new
    items keep the first of these (0: they keep it on average)."""

    false_reject: float = 0.01
    review: float = 0.0
    confidence: float = 0.0


@dataclass(frozen=True)
class Calibration:
    """What N good images score when the model has not learned from them, by rising score, and the thresholds set
    by it. `pixels` (Q,): the map values that the first Q of `thresholds.PIXEL_SHARES` of good pixels exceed.
    `averages`: see `scoring.averages`. `confirmed`: a person said that all images are good, so that none is left
    out as strange."""

    rates: Rates
    scores: F64  # (N,) image scores
    peaks: F64  # (N,) the maximum of each map
    items: NDArray[np.int32]  # (N,) the item that each image shows, numbered from 0
    pixels: F64  # (Q,) ascending
    threshold: float  # image scores above it are NG
    review_threshold: float | None  # image scores above it are at least REVIEW; None: no such verdict
    peak_threshold: float  # as threshold, for the maximum of a map
    images: tuple[Origin, ...] = ()  # of each image; empty if they are not known
    origin: str = "good images held out while learning"  # where the scores come from, for people
    anomaly: F64 | None = None  # (N,) image scores without known defects
    averages: NDArray[np.float16] | None = field(default=None, repr=False)  # (N,D+1)
    confirmed: bool = False

    @property
    def groups(self) -> int:
        """The number of items that the N images show."""
        return int(self.items.max()) + 1


@dataclass(frozen=True)
class Verdict:
    """The verdict on one image. `p_value` is the conformal p-value: the share of good items, the new one counted
    among them, that score at least as high. It is never 0, see `thresholds.share_at_least`."""

    verdict: Literal["OK", "REVIEW", "NG"]
    score: float
    threshold: float
    p_value: float
    review_threshold: float | None = None  # scores above it are at least REVIEW; None: no such verdict


@dataclass(frozen=True)
class Like:
    """The good patch most similar to a patch of an image."""

    image: str  # its name
    number: int  # its index among the images learned from
    box: tuple[int, int, int, int]  # (left, top, right, bottom) in pixels of the network's input


@dataclass(frozen=True)
class Reason:
    """Why one part of the recipe finds a region anomalous. `code` and `residual` are the L1 norm of the sparse
    code and the norm of the residual, standardised by those of held-out good images at that position. They are
    None, with `side`, for a method that does no sparse coding."""

    part: str
    taps: tuple[str, ...]
    share: float  # 0..1, of the map's value at the region's peak
    at: tuple[int, int]  # (x,y): the image pixel at the centre of the part's most anomalous position inside
    code: float | None = None
    residual: float | None = None
    side: Literal["code", "residual"] | None = None  # which of the two is larger
    like: Like | None = None  # None where atoms are no patches of good images


@dataclass(frozen=True)
class Region:
    """One connected region of a defect mask, in pixels of the image: x to the right and y down, from 0. The end of
    `box` is exclusive. `reasons` holds one for each part of the recipe, the largest share first."""

    area: int  # in pixels
    box: tuple[int, int, int, int]  # (left, top, right, bottom)
    peak: float  # the largest value of the anomaly map inside
    peak_at: tuple[int, int]  # (x,y)
    centroid: tuple[float, float]  # (x,y)
    reasons: tuple[Reason, ...] = ()
    masked: bool = True  # False: the most anomalous place of an image whose mask is empty
