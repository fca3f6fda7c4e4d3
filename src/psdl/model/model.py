"""The content of a model file as one value, `Model`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from psdl.model.known import Averages, Classifier, Known
from psdl.types import F32, F64, Calibration, Network, Origin, Recipe, State

__all__ = ["Frame", "Golden", "Model"]

VERDICTS = ("OK", "REVIEW", "NG")


@dataclass(frozen=True)
class Frame:
    """Where physical parts lie in the network's input.

    `roi` (H,W) bool is the region of interest; None means the whole input. `reference` (h,w) uint8 is the grey
    image to which images are registered, after resizing it to their size; None means no registration.
    """

    roi: NDArray[np.bool_] | None = None
    reference: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class Golden:
    """Images of the self-test, with their results on the machine where the model was made.

    `inputs` (n,h,w,3) uint8 are network inputs at the largest scale, `scores` (n,) float64 the image scores, and
    `maps` (n,H,W) float32 the maps. `verdicts` (n,) uint8 are indices into VERDICTS. `calibrate.selftest` says
    which images these are.
    """

    inputs: NDArray[np.uint8]
    scores: F64
    maps: F32
    verdicts: NDArray[np.uint8]


@dataclass(frozen=True)
class Model:
    """Everything that a model file holds.

    - `recipe` and `network` are the setting and the backbone.
    - `states` has the fitted state of each branch, by its name.
    - `calibration` has the scores of held-out good images and the thresholds.
    - `categories` are the categories of the data that were learned.
    - `options` are the resolved options of learning; `versions` are those of the libraries used.
    - `learned` says where the N images learned from came from; `dropped` names the images that were left out.
    - `album` has a small JPEG of each image learned from; it may be empty.
    - `golden` is the self-test.
    - `history` lists what was done to the model, the latest last.
    - `frame` has the region of interest and the reference image for registration.
    - `image_statistics` (N,5) float32 has the `ImageStatistics` of each image learned from, then the number of its
      item; it may be empty.
    - `unseen` (N,) float64 has the held-out score of each image learned from, NaN where unknown; it may be empty.
    - `averages` says how images are averaged for known defects, and `defects` are those that people named.
    - `classifier` separates known defects from good images; None if it is not used.
    """

    recipe: Recipe
    network: Network = field(repr=False)
    states: Mapping[str, State] = field(repr=False)
    calibration: Calibration = field(repr=False)
    categories: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    learned: tuple[Origin, ...] = field(default=(), repr=False)
    dropped: tuple[str, ...] = ()
    album: tuple[bytes, ...] = field(default=(), repr=False)
    golden: Golden | None = field(default=None, repr=False)
    history: tuple[Mapping[str, Any], ...] = ()
    frame: Frame = field(default=Frame(), repr=False)
    image_statistics: F32 = field(default_factory=lambda: np.zeros((0, 5), np.float32), repr=False)
    unseen: F64 = field(default_factory=lambda: np.zeros(0), repr=False)
    averages: Averages | None = field(default=None, repr=False)
    defects: Known | None = field(default=None, repr=False)
    classifier: Classifier | None = field(default=None, repr=False)

    @cached_property
    def known(self) -> Mapping[str, int]:
        """{digest of the network's input: index in `learned`} of the images learned from, see `Origin.seen`."""
        return {where.seen: n for n, where in enumerate(self.learned) if where.seen}
