"""The vocabulary: what flows between stages. n images of a batch, N of a set; P = h * w positions, F numbers of a
signal, C channels; (H,W) the network's input."""

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
Progress = Callable[[str, int, int], None]  # stage, how many are done now, how many there are in all


@dataclass(frozen=True)
class Sample:
    """One image of a data set. label: 0 good, 1 defective, None unknown; group: the item it shows, if known."""

    path: str
    name: str  # path below the data folder, with forward slashes
    category: str
    split: Literal["train", "test", "none"] = "none"
    label: int | None = None
    kind: str = ""  # the defect's name as the data set writes it
    mask: str | tuple[str, ...] | None = None  # see `masks.read`
    group: str | None = None
    part: str | None = None  # the part it is one view of, where several pictures get one verdict
    pose: Pose | None = None


@dataclass(frozen=True)
class InputRule:
    """How an image becomes the network's input; sizes in pixels, (height, width). In order: `crop` cuts the
    centre; `resize` sets both sides, or `shorter` the shorter one; `window` cuts the centre of the rest; None: not
    done. white: what becomes 255 in deeper images. align: how images are registered to the model's reference.
    moving: how turned pixels are read, smooth (bicubic) or nearest."""

    crop: tuple[int, int] | None = None
    resize: tuple[int, int] | None = (256, 256)
    shorter: int | None = None
    window: tuple[int, int] | None = None
    filter: Literal["bicubic", "lanczos"] = "lanczos"
    white: float | None = None
    align: str = "none"  # or "shift", "rigid"
    moving: Literal["smooth", "nearest"] = "smooth"


@dataclass(frozen=True)
class Geometry:
    """All that is known about pixels versus input: source (h,w); crop box (left, top, right, bottom) in source
    pixels; size (h,w) the crop is resized to; window box in resized pixels, whose size is the input (H,W).
    transform (a,b,c,d,e,f), affine: the picture's point (x,y) then shows what was at (ax + by + c, dx + ey + f);
    None: not transformed."""

    source: tuple[int, int]
    crop: tuple[int, int, int, int]
    resized: tuple[int, int]
    window: tuple[int, int, int, int]
    transform: Affine | None = None

    @property
    def input(self) -> tuple[int, int]:
        return self.window[3] - self.window[1], self.window[2] - self.window[0]


@dataclass(frozen=True)
class Network:
    """A backbone ready to run: the ONNX graph's bytes, cut to its deepest tap; channels by tap, in the order of
    depth; mean, std (3,) in 8-bit units; SHA-256 of graph and weights; cuts: graphs of fewer taps, by how many."""

    name: str
    graph: bytes = field(repr=False)
    taps: tuple[str, ...]
    channels: tuple[int, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    graph_sha256: str
    weights_sha256: str
    licence: str = ""
    cuts: Mapping[int, bytes] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Grid:
    """h * w cells in row-major order over an input (H,W); P positions, those of them that touch roi (H,W)."""

    h: int
    w: int
    input: tuple[int, int]
    roi: NDArray[np.bool_] | None = field(default=None, compare=False, repr=False)

    @cached_property
    def cells(self) -> NDArray[np.intp]:
        """(P,) the cell of each position."""
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
    """One source of distances: signals cut from taps, and a method on them. taps: one or several; grid: whose grid
    gives the positions, "deepest" (the coarsest), "shallowest", or a tap. pool: average each map over pool x pool
    neighbours first. square: keep the largest square number of channels, as a DCT start needs. unseen: measure
    distances in units of what held-out good images show there; shrink: how far these are drawn to their mean.
    scale: of the network's input, in the recipe's. weight: share in the map; image_weight: share in what the image
    score is taken of, None: as weight. smoothing: of its share in the map, None: the recipe's."""

    name: str
    taps: tuple[str, ...]
    method: str
    params: Mapping[str, Any] = field(default_factory=dict)
    grid: str = "deepest"
    pool: int = 1
    square: bool = True
    unseen: bool = False
    shrink: float = 0.0  # learning sets it, see crossval.shrinkage
    scale: float = 1.0
    weight: float = 1.0
    image_weight: float | None = None
    smoothing: float | None = None


@dataclass(frozen=True)
class Recipe:
    """A complete setting; values only. input None: the data layout's own rule, or 256 x 256."""

    name: str
    arch: str
    parts: tuple[Part, ...]
    input: InputRule | None = None
    smoothing: float = 4.0  # Gaussian sigma of the map, in input pixels
    image_score: str = "max"
    explained: tuple[float, ...] = ()  # learning sets weights: these, times a power of what each part explains
    image_explained: tuple[float, ...] = ()  # likewise those of image scores; (): as explained
    multiple: int = 1  # the sides of what the network sees are multiples of so many pixels
    light: float | None = None  # what images are brought to, of 255, see image.brightness; None: as they are
    tile: int | None = None  # pixels: larger inputs are seen in overlapping tiles of so many a side
    folds: int = 3  # at most, for scores of good images as if unseen
    seed: int = 0


@dataclass(frozen=True)
class Coded:
    """What a method says of n images at P positions. distance (n,P) float32: larger is stranger. Where it codes
    signals also code (n,P), L1 norms of the codes; residual (n,P), norms of what is left; atom (n,P) int32, each
    code's strongest atom, -1 where there is none; norm (n,P), of the signals as coded."""

    distance: F32
    code: F32 | None = None
    residual: F32 | None = None
    atom: NDArray[np.int32] | None = None
    norm: F32 | None = None


@dataclass(frozen=True)
class Score:
    """Of n images: map (n,H,W) float32, image (n,) float64; larger is stranger."""

    map: F32
    image: F64


@dataclass(frozen=True)
class Origin:
    """Where an image came from: its name; the SHA-256 of its file (of its pixels, if there was none); seen: the
    SHA-256 of what a model sees of it, which copies of a picture share, whatever their files (see
    `extractor.digest`), empty where nothing looked."""

    name: str
    sha256: str
    seen: str = ""


@dataclass(frozen=True)
class Rates:
    """What was asked of a threshold. false_reject: the share of good images that may be NG; review: that a person
    may look at, those included (0: none); confidence: that new items keep the first rate (0: on average)."""

    false_reject: float = 0.01
    review: float = 0.0
    confidence: float = 0.0


@dataclass(frozen=True)
class Calibration:
    """What good images score when the dictionaries have not seen them. rates: what was asked for. scores (N,)
    float64 ascending; peaks (N,) float64: the maximum of each one's map; items (N,) int32: the item each shows,
    numbered from 0; images: where each came from (empty: not known). threshold: image scores above it are NG;
    review_threshold: those above it REVIEW (None: no such verdict); peak_threshold: as threshold, for the maximum
    of a map. pixels (Q,) float64 ascending: the map values that the first Q of `thresholds.PIXEL_SHARES` of good
    pixels exceed. origin: where all this comes from, in words. anomaly (N,), averages (N,D) float16: their scores
    without known defects, and `scoring.averages`. confirmed: a person said that all are good, none is strange."""

    rates: Rates
    scores: F64
    peaks: F64
    items: NDArray[np.int32]
    pixels: F64
    threshold: float
    review_threshold: float | None
    peak_threshold: float
    images: tuple[Origin, ...] = ()
    origin: str = "good images held out while learning"
    anomaly: F64 | None = None
    averages: NDArray[np.float16] | None = field(default=None, repr=False)
    confirmed: bool = False

    @property
    def groups(self) -> int:
        """How many items the N images show."""
        return int(self.items.max()) + 1


@dataclass(frozen=True)
class Verdict:
    """OK, REVIEW or NG; p_value: the share of unseen good images that score at least as high (never 0)."""

    verdict: Literal["OK", "REVIEW", "NG"]
    score: float
    threshold: float
    p_value: float
    review_threshold: float | None = None  # scores above it are REVIEW; None: there is no such verdict


@dataclass(frozen=True)
class Like:
    """The good patch most like one of an image. image: its name; number: its place among those learned from; box
    (left, top, right, bottom): where it lies, in pixels of the network's input."""

    image: str
    number: int
    box: tuple[int, int, int, int]


@dataclass(frozen=True)
class Reason:
    """Why a part of the recipe finds a region strange. share: its share of the map at the peak. at (x,y): the
    image pixel at the middle of its strangest position inside. code, residual: how far the code's L1 norm and the
    residual's norm lie above what unseen good images show there, in their deviations; side: which is further; all
    None for a method that codes nothing. like: the good patch most like it, where atoms are patches."""

    part: str
    taps: tuple[str, ...]
    share: float
    at: tuple[int, int]
    code: float | None = None
    residual: float | None = None
    side: Literal["code", "residual"] | None = None
    like: Like | None = None


@dataclass(frozen=True)
class Region:
    """One connected part of a defect mask, in image pixels; x goes right, y down, from 0. area in pixels; box
    (left, top, right, bottom), right and bottom exclusive; peak: the map's largest value inside, peak_at (x,y):
    where; centroid (x,y). reasons: one for each part of the recipe, largest share first. masked: whether the mask
    holds it; else it is the strangest place of an image whose mask is empty."""

    area: int
    box: tuple[int, int, int, int]
    peak: float
    peak_at: tuple[int, int]
    centroid: tuple[float, float]
    reasons: tuple[Reason, ...] = ()
    masked: bool = True
