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

LARGE = 4_000_000  # pixels of an image in which regions are found as it is


def as_if_unseen(score: float, seen: str, model: Model) -> float:
    """The score of an image; where the model learned from it, the one that it had when it was held out."""
    place = model.known.get(seen)
    return float(model.unseen[place]) if place is not None and len(model.unseen) else score


@dataclass(frozen=True, repr=False)
class Result:
    """One image judged. score: larger is stranger; verdict: OK, REVIEW or NG with p-value; input_map (H,W) float32
    at the network's input size; geometry: how the image became that input; coded: what each part of the recipe
    said of it (none for a good image as if unseen); model: that judged it; statistics: of the image as it was
    read, see `drift.Monitor`; digest: of what the network saw, see `Origin.seen`. anomaly: the score without known
    defects; known: the score against them in the same units, None where the model uses none: `score` is the
    larger. averages (D+1,): what known defects are recognised by, where asked for. source: the image as it was
    given to `Detector.predict`, None elsewhere. In a notebook a result shows itself as a picture: the image with
    the outline of its mask."""

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
        """The picture that notebooks show, as a PNG file; None where the image or the map is not at hand."""
        if self.source is None or not self.input_map.size:
            return None
        try:
            return picture.png(picture.outlined(self, self.source))
        except (PsdlError, OSError):
            return None

    def to_dict(self) -> dict[str, Any]:
        """The result as plain values for JSON or a table: score, threshold, review_threshold, p_value, verdict,
        anomaly_score, known_score (see `anomaly` and `known`), spoke, learned, width and height of the image in
        pixels, brightness and sharpness (see `ImageStatistics`), and regions, each as a dictionary."""
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
        """Which of the two scores decided: "anomaly", or "known" where the image looks like known defects."""
        return "known" if self.known is not None and self.known > self.anomaly else "anomaly"

    @property
    def learned(self) -> bool:
        """Whether the model learned from this very picture: it finds nothing in it by itself, so that the score is
        the one as if unseen, from when it was held out."""
        return self.digest in self.model.known

    @property
    def calibration(self) -> Calibration:
        """What the verdict and the mask were decided by."""
        return self.model.calibration

    def without_map(self) -> Result:
        """Score and verdict only, which take little memory."""
        return replace(self, input_map=np.empty((0, 0), np.float32), coded={}, averages=None)

    @property
    def map(self) -> F32:
        """(h,w) float32 at the image's own size; NaN where the input rule cuts the image away."""
        return preprocess.map_to_source(self.input_map, self.geometry)

    @property
    def roi(self) -> NDArray[np.bool_] | None:
        """(h,w) bool: the model's region of interest in this image; None if it looks everywhere."""
        inside = self.model.frame.roi
        return None if inside is None else preprocess.mask_to_source(inside, self.geometry)

    @property
    def seen(self) -> NDArray[np.bool_] | None:
        """(h,w) bool: what the model looks at in this image, inside its region of interest and what its input rule
        keeps; None if it looks everywhere."""
        inside, whole = self.model.frame.roi, np.ones(self.geometry.input, bool)
        found = preprocess.mask_to_source(whole if inside is None else inside, self.geometry)
        return None if found.all() else found

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(h,w) bool: where the defect is; empty on an image whose map stays below the thresholds."""
        found = masks.defect_mask(self.input_map, self.calibration)
        return preprocess.mask_to_source(found, self.geometry)

    @cached_property
    def regions(self) -> tuple[Region, ...]:
        """The connected parts of the mask, in pixels of the image, the highest peak first, with reasons; of an
        image that is not OK though its mask is empty, the strangest place. In an image of more than LARGE pixels
        they are found at a smaller size, so that their cost is bounded; the map has far fewer pixels than that."""
        defects = masks.defect_mask(self.input_map, self.calibration)
        if not defects.any():
            return () if self.verdict.verdict == "OK" else (self.strangest,)
        small = preprocess.reduced(self.geometry, LARGE)
        mask = preprocess.mask_to_source(defects, small)
        found = masks.regions(preprocess.map_to_source(self.input_map, small), mask) if mask.any() else ()
        return self._explained(masks.enlarged(found, small.source, self.geometry.source))

    @cached_property
    def strangest(self) -> Region:
        """The strangest place of the image, whether or not any part of the map passes its threshold."""
        small = preprocess.reduced(self.geometry, LARGE)
        values = preprocess.map_to_source(self.input_map, small)
        found = masks.enlarged(masks.regions(values, masks.spot(values))[:1], small.source, self.geometry.source)
        return replace(self._explained(found)[0], masked=False)

    def _explained(self, found: tuple[Region, ...]) -> tuple[Region, ...]:
        return explain.explained(found, self.coded, self.geometry, self.model) if self.coded else found
