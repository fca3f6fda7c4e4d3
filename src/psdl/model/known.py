"""What a model knows of known defects: how images are averaged for them, the classifier, and the defects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from psdl.types import F32, F64, Origin

if TYPE_CHECKING:
    from psdl.model.model import Model

F16 = NDArray[np.float16]


ARRAYS = ("mean", "matrix", "deep_mean", "deep_matrix", "centre", "offset", "scale")  # of averages
JUDGED = ("anomaly", "averages", "looks", "items")  # of known defects


@dataclass(frozen=True)
class Averages:
    """What turns signals and distances of an image into its averages (D+1,), see `scoring.averages`.

    near, deep: names of the parts whose signals are averaged; deep is empty where one part is both. mean (F,),
    matrix (F,F), deep_mean (F',), deep_matrix (F',F') float32: their whitening, fitted to good signals; centre
    (P,F) float16: the mean of whitened good near signals at each position; offset, scale (parts,) float32: mean
    and deviation of each part's distances of good images as if unseen, in the order of the recipe's parts."""

    near: str
    deep: str
    mean: F32
    matrix: F32
    deep_mean: F32
    deep_matrix: F32
    centre: F16
    offset: F32
    scale: F32

    @property
    def blocks(self) -> tuple[int, ...]:
        """Lengths of the blocks that the D averages consist of."""
        length, parts = len(self.mean), len(self.offset)
        return (length + parts, 2 * length + parts, *((2 * len(self.deep_mean),) if self.deep else ()))


@dataclass(frozen=True)
class Classifier:
    """Good against known defects, linear in averages x (D,) and in the standardised anomaly score a:
    f = weights . x + slope a + bias, where a = (arsinh(score / unit) - middle) / spread.

    mean, deviation: of f on good images as if unseen, by which f is brought to units of the anomaly score."""

    weights: F64 = field(repr=False)
    slope: float
    bias: float
    unit: float
    middle: float
    spread: float
    mean: float
    deviation: float


@dataclass(frozen=True)
class Known:
    """Defects that people named, in the order given. anomaly (K,) float64 and averages (K,D+1) float16: of each,
    as the model judged it; looks (K,2) float32: its brightness and sharpness; items (K,) int32: the item it shows,
    numbered from 0; kinds: what people call each, empty if they do not; images: where each came from; report: what
    learning them came to, see `training.defects.Lesson`, empty where they are not learned from."""

    anomaly: F64
    averages: F16 = field(repr=False)
    looks: F32 = field(repr=False)
    items: NDArray[np.int32] = field(repr=False)
    kinds: tuple[str, ...]
    images: tuple[Origin, ...]
    report: Mapping[str, Any] = field(default_factory=dict)


def arrays(model: Model) -> dict[str, NDArray[Any]]:
    """The arrays of a model's averages, known defects and classifier, by their names in its file."""
    found: dict[str, NDArray[Any]] = {}
    if model.averages:
        found |= {f"averages/{k}": getattr(model.averages, k) for k in ARRAYS}
    if model.known:
        found |= {f"known/{k}": getattr(model.known, k) for k in JUDGED}
    if model.classifier:
        found["classifier/weights"] = model.classifier.weights
    return {name: np.ascontiguousarray(value) for name, value in found.items()}


def card(model: Model) -> dict[str, Any]:
    """What is plain of a model's averages, known defects and classifier."""
    found: dict[str, Any] = dict.fromkeys(("averages", "known", "classifier"))
    if model.averages:
        found["averages"] = {"near": model.averages.near, "deep": model.averages.deep}
    if model.known:
        images = [[image.name, image.sha256] for image in model.known.images]
        found["known"] = {"kinds": model.known.kinds, "images": images, "report": model.known.report}
    if model.classifier:
        kept = [f.name for f in fields(model.classifier) if f.name != "weights"]
        found["classifier"] = {name: getattr(model.classifier, name) for name in kept}
    return found


def read(card: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """What `card` and `arrays` wrote, as a model's fields. Raises KeyError and TypeError on what does not fit."""
    found: dict[str, Any] = {}
    if card["averages"]:
        own: dict[str, Any] = {k: arrays[f"averages/{k}"] for k in ARRAYS}
        found["averages"] = Averages(**card["averages"], **own)
    if card["known"]:
        known = card["known"]
        images = tuple(Origin(*pair) for pair in known["images"])
        own = {k: arrays[f"known/{k}"] for k in JUDGED}
        found["known"] = Known(**own, kinds=tuple(known["kinds"]), images=images, report=known["report"])
    if card["classifier"]:
        found["classifier"] = Classifier(weights=arrays["classifier/weights"], **card["classifier"])
    return found


def described(card: Mapping[str, Any]) -> str:
    """The known defects of a model's card in words for people."""
    if not card["known"]:
        return "none"
    known, kinds = card["known"], len(set(card["known"]["kinds"]))
    said = f"{len(known['images'])} of {kinds} kind{'s' * (kinds > 1)}, {'' if card['classifier'] else 'not '}used"
    if not known["report"]:
        return said
    found = known["report"]["found"]
    return f"{said}; left out of learning in turn: NG {found['ng']} -> {found['ng_with']} of {found['count']}"
