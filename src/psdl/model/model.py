"""What a model file holds, in one value; and the images that it proves itself on."""

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
    """Where parts lie in the network's input. roi (H,W) bool: the region of interest, None: all of it; reference
    (h,w) uint8: grey, what images are registered to, brought to its size first; None: they are not."""

    roi: NDArray[np.bool_] | None = None
    reference: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class Golden:
    """Images with what they scored where the model was made: inputs (n,h,w,3) uint8, the largest that the network
    got; image scores (n,) float64; maps (n,H,W) float32; verdicts (n,) uint8, places in `VERDICTS`.
    `calibrate.selftest` says which images these are."""

    inputs: NDArray[np.uint8]
    scores: F64
    maps: F32
    verdicts: NDArray[np.uint8]


@dataclass(frozen=True)
class Model:
    """All that a model file holds. options: the resolved options it was learned with; learned: the images it was
    learned from; dropped: names that were left out of them; album: a small JPEG of each (empty: none is needed);
    unseen (N,): the score of each image learned from as if it were new, NaN where it is not known; golden: for the
    self-test; history: what was done to it, the last at the end; frame: where parts lie; image_statistics (N,5):
    of each image learned from its `ImageStatistics`, then the number of the item that it shows; averages: how
    images are averaged for known defects; defects: those that people named; classifier: separates them from good
    images, None where it is not used."""

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
        """The places of the images learned from by what the model sees of them, see `Origin.seen`."""
        return {where.seen: n for n, where in enumerate(self.learned) if where.seen}
