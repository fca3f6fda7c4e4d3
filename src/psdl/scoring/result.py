"""The result of one image, the same from the library, the command line and the server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from psdl.calibrate import masks
from psdl.errors import PsdlError
from psdl.features.extractor import Source
from psdl.input import preprocess
from psdl.input.statistics import ImageStatistics
from psdl.model.model import Model
from psdl.scoring import explain, picture
from psdl.types import F32, Calibration, Coded, Geometry, Region, Verdict

__all__ = ["Result", "as_if_unseen"]

LARGE = 4_000_000  # pixels of an image up to which regions are found at its own size


def as_if_unseen(score: float, seen: str, model: Model) -> float:
    """Returns the score of an image, or its held-out score if the model learned from it.

    `seen` is the digest of the image, see `extractor.digest`.
    """
    place = model.known.get(seen)
    return float(model.unseen[place]) if place is not None and len(model.unseen) else score


@dataclass(frozen=True, repr=False)
class Result:
    """The result of one image.

    - `score` is the image score; larger values are more anomalous.
    - `verdict` has the verdict OK, REVIEW or NG, the threshold and the p-value.
    - `input_map` (H,W) float32 is the anomaly map at the network's input size.
    - `geometry` says how source pixels map to that input.
    - `coded` has the output of each branch; it is empty for held-out results.
    - `model` is the model that scored the image.
    - `statistics` describe the image as it was read.
    - `digest` identifies what the network saw, see `Origin.seen`.
    - `anomaly` is the score without known defects. `known` is the score against them in the same units, or None if
      the model uses none. `score` is the larger of both.
    - `averages` (D+1,) are the features for recognising known defects, if they were asked for.
    - `source` is the image as it was given to `Detector.predict`, and None elsewhere.

    Notebooks show a result as a picture: the image with the outline of its mask.
    """

    score: float
    verdict: Verdict
    input_map: F32
    geometry: Geometry
    coded: Mapping[str, Coded]
    model: Model
    statistics: ImageStatistics
    digest: str = ""
    anomaly: float = float("nan")
    known: float | None = None
    averages: F32 | None = None
    source: Source = field(default=None, compare=False)

    def __repr__(self) -> str:
        found = self.verdict
        limits = f"score {found.score:.4g}, threshold {found.threshold:.4g}, p-value {found.p_value:.2g}"
        return f"Result({found.verdict}, {limits})"

    def _repr_png_(self) -> bytes | None:
        """Returns the picture for notebooks as a PNG file, or None if the image or the map is not available."""
        if self.source is None or not self.input_map.size:
            return None
        try:
            return picture.png(picture.outlined(self, self.source))
        except (PsdlError, OSError):
            return None

    def to_dict(self) -> dict[str, Any]:
        """Returns the result as plain values for JSON or a table.

        The keys are score, threshold, review_threshold, p_value, verdict, anomaly_score and known_score (see
        `anomaly` and `known`), spoke, learned, width and height of the image in pixels, brightness and sharpness
        (see `ImageStatistics`), and regions, a list with one dictionary for each region.
        """
        found, (height, width) = self.verdict, self.geometry.source
        return {
            "score": found.score,
            "threshold": found.threshold,
            "review_threshold": found.review_threshold,
            "p_value": found.p_value,
            "verdict": found.verdict,
            "anomaly_score": self.anomaly,
            "known_score": self.known,
            "spoke": self.spoke,
            "learned": self.learned,
            "width": width,
            "height": height,
            "brightness": self.statistics.brightness,
            "sharpness": self.statistics.sharpness,
            "regions": [asdict(region) for region in self.regions],
        }

    @property
    def spoke(self) -> str:
        """The score that decided: "known" if the score against known defects is the larger one, else "anomaly"."""
        return "known" if self.known is not None and self.known > self.anomaly else "anomaly"

    @property
    def learned(self) -> bool:
        """Whether the model learned from this very picture. Its score is then the one from when it was held
        out."""
        return self.digest in self.model.known

    @property
    def calibration(self) -> Calibration:
        """The calibration that decided the verdict and the mask."""
        return self.model.calibration

    def without_map(self) -> Result:
        """Returns the result without map, method outputs and averages, which take most of its memory."""
        return replace(self, input_map=np.empty((0, 0), np.float32), coded={}, averages=None)

    @property
    def map(self) -> F32:
        """The anomaly map (h,w) float32 at the image's own size; NaN where the input rule cuts the image away."""
        return preprocess.map_to_source(self.input_map, self.geometry)

    @property
    def roi(self) -> NDArray[np.bool_] | None:
        """The model's region of interest in this image, (h,w) bool; None if it is the whole input."""
        inside = self.model.frame.roi
        return None if inside is None else preprocess.mask_to_source(inside, self.geometry)

    @property
    def seen(self) -> NDArray[np.bool_] | None:
        """The pixels that the model sees, (h,w) bool: inside the region of interest and what the input rule keeps.

        It is None if the model sees the whole image.
        """
        inside, whole = self.model.frame.roi, np.ones(self.geometry.input, bool)
        found = preprocess.mask_to_source(whole if inside is None else inside, self.geometry)
        return None if found.all() else found

    @property
    def mask(self) -> NDArray[np.bool_]:
        """The defect mask, (h,w) bool; it is empty if the map stays below the thresholds."""
        found = masks.defect_mask(self.input_map, self.calibration)
        return preprocess.mask_to_source(found, self.geometry)

    @cached_property
    def regions(self) -> tuple[Region, ...]:
        """The connected regions of the mask with their reasons, in pixels of the image, the highest peak first.

        An image that is not OK although its mask is empty has one region, the most anomalous place. In an image of
        more than LARGE pixels, regions are found at a smaller size, which bounds the time; the map has far fewer
        pixels than that.
        """
        defects = masks.defect_mask(self.input_map, self.calibration)
        if not defects.any():
            return () if self.verdict.verdict == "OK" else (self.strangest,)
        small = preprocess.reduced(self.geometry, LARGE)
        mask = preprocess.mask_to_source(defects, small)
        found = masks.regions(preprocess.map_to_source(self.input_map, small), mask) if mask.any() else ()
        return self._explained(masks.enlarged(found, small.source, self.geometry.source))

    @cached_property
    def strangest(self) -> Region:
        """The most anomalous place of the image, whether or not the map passes its threshold there."""
        small = preprocess.reduced(self.geometry, LARGE)
        values = preprocess.map_to_source(self.input_map, small)
        found = masks.enlarged(masks.regions(values, masks.spot(values))[:1], small.source, self.geometry.source)
        return replace(self._explained(found)[0], masked=False)

    def _explained(self, found: tuple[Region, ...]) -> tuple[Region, ...]:
        """Returns regions with their reasons, if the outputs of the branches are known."""
        return explain.explained(found, self.coded, self.geometry, self.model) if self.coded else found
