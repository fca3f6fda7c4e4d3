"""What a model knows about known defects: how images are averaged, the classifier, and the defects themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from psdl.types import F32, F64, Origin

if TYPE_CHECKING:
    from psdl.model.model import Model

__all__ = ["Averages", "Classifier", "Known", "arrays", "card", "described", "read"]

F16 = NDArray[np.float16]


@dataclass(frozen=True)
class Averages:
    """The fitted parameters that turn the signals and distances of an image into its averages (D+1,).

    - `near` and `deep` name the branches whose signals are averaged; `deep` is empty if one branch serves as both.
    - `mean` (F,), `matrix` (F,F), `deep_mean` (F',) and `deep_matrix` (F',F') float32 are the whitening of their
      signals, fitted to good images.
    - `centre` (P,F) float16 is the mean of the whitened near signals of good images at each position.
    - `offset` and `scale` float32 are the mean and the standard deviation of each branch's distances of held-out
      good images, in the order of the recipe's branches.

    `scoring.averages` defines the averages.
    """

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
        """The lengths of the blocks of which the D averages consist."""
        length, parts = len(self.mean), len(self.offset)
        return (length + parts, 2 * length + parts, *((2 * len(self.deep_mean),) if self.deep else ()))


@dataclass(frozen=True)
class Classifier:
    """A linear classifier of known defects against good images.

    Its value is f = weights . x + slope a + bias, where x (D,) are the averages of an image and a is its
    standardised anomaly score, a = (arsinh(score / unit) - middle) / spread. `mean` and `deviation` are the mean
    and standard deviation of f on held-out good images; they convert f to the units of the anomaly score.
    """

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
    """Known defects, in the order in which they were given.

    - `anomaly` (K,) float64 and `averages` (K,D+1) float16 are the anomaly score and the averages of each.
    - `image_statistics` (K,2) float32 are its brightness and sharpness.
    - `items` (K,) int32 is the number, from 0, of the item that each shows.
    - `kinds` are the names of the defects' kinds, empty strings where none were given.
    - `images` say where each image came from.
    - `report` describes what learning from them achieved, see `training.lesson.Lesson`; it is empty if they were
      not learned from.
    """

    anomaly: F64
    averages: F16 = field(repr=False)
    image_statistics: F32 = field(repr=False)
    items: NDArray[np.int32] = field(repr=False)
    kinds: tuple[str, ...]
    images: tuple[Origin, ...]
    report: Mapping[str, Any] = field(default_factory=dict)


KINDS: dict[str, Any] = {"averages": Averages, "defects": Known, "classifier": Classifier}
SHAPES: dict[str, dict[str, tuple[Any, int]]] = {  # the arrays of each: their kinds and dimensions
    "averages": {
        **{"mean": (np.float32, 1), "matrix": (np.float32, 2), "centre": (np.float16, 2)},
        **{"deep_mean": (np.float32, 1), "deep_matrix": (np.float32, 2)},
        **{"offset": (np.float32, 1), "scale": (np.float32, 1)},
    },
    "defects": {
        **{"anomaly": (np.float64, 1), "averages": (np.float16, 2), "image_statistics": (np.float32, 2)},
        "items": (np.int32, 1),
    },
    "classifier": {"weights": (np.float64, 1)},
}


def arrays(model: Model) -> dict[str, NDArray[Any]]:
    """Returns the arrays of a model's averages, known defects and classifier by their names in its file."""
    own = [(name, getattr(model, name), shapes) for name, shapes in SHAPES.items()]
    return {
        f"{name}/{_filed(k)}": np.ascontiguousarray(getattr(part, k))
        for name, part, shapes in own
        if part
        for k in shapes
    }


def _filed(name: str) -> str:
    """Returns the name that an array has in files."""
    return "looks" if name == "image_statistics" else name


def card(model: Model) -> dict[str, Any]:
    """Returns a model's averages, known defects and classifier without their arrays, as plain values for JSON."""
    found: dict[str, Any] = dict.fromkeys(SHAPES)
    for name, shapes in SHAPES.items():
        part = getattr(model, name)
        if part is not None:
            found[name] = {f.name: getattr(part, f.name) for f in fields(part) if f.name not in shapes}
    if model.defects:
        found["defects"]["images"] = [[one.name, one.sha256, one.seen] for one in model.defects.images]
    return found


def read(card: Any, arrays: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """Returns the fields of a model that `card` and `arrays` describe; those that the file lacks are left out.

    `card` is a checked card. Raises ValueError if the arrays do not fit.
    """
    found: dict[str, Any] = {}
    for name, shapes in SHAPES.items():
        part = getattr(card, name)
        if part is None:
            continue
        own: dict[str, Any] = {k: arrays[f"{name}/{_filed(k)}"] for k in shapes}
        for k, (kind, dimensions) in shapes.items():
            fits = own[k].dtype == kind and own[k].ndim == dimensions and bool(np.isfinite(own[k]).all())
            if not fits:
                raise ValueError(f"{name}/{_filed(k)} does not fit")
        plain = {f: getattr(part, f) for f in part.__struct_fields__}
        if name == "defects":
            plain["images"] = tuple(Origin(*one) for one in plain["images"])
        found[name] = KINDS[name](**plain, **own)
    _check(found, arrays)
    return found


def _check(found: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Raises ValueError unless the arrays fit each other."""
    count = len(arrays["calibration/scores"])
    lengths = {1 + sum(found["averages"].blocks)} if "averages" in found else set()
    if "averages" in found:
        kept, (tall, wide) = found["averages"], found["averages"].matrix.shape
        _need(tall == wide == len(kept.mean) == kept.centre.shape[1], "averages do not fit")
        _need(kept.deep_matrix.shape == 2 * kept.deep_mean.shape, "averages do not fit")
        _need(len(kept.offset) == len(kept.scale) and bool((kept.scale > 0).all()), "averages do not fit")
    if "defects" in found:
        known = found["defects"]
        sizes = {len(known.anomaly), len(known.averages), len(known.image_statistics), len(known.items)}
        _need(sizes == {len(known.kinds)} == {len(known.images)}, "the known defects do not fit")
        lengths.add(known.averages.shape[1])
    if "classifier" in found:
        lengths.add(1 + len(found["classifier"].weights))
    for name, kind in (("anomaly", np.float64), ("averages", np.float16)):
        array = arrays.get(f"calibration/{name}")
        _need(array is None or (len(array) == count and array.dtype == kind), f"calibration/{name} does not fit")
        _need(array is None or bool(np.isfinite(array).all()), f"calibration/{name} holds no numbers")
        if array is not None and name == "averages":
            lengths.add(array.shape[1])
    _need(len(lengths) < 2, f"its averages have several lengths: {sorted(lengths)}")
    _need("classifier" not in found or "averages" in found, "its classifier reads averages that it lacks")


def _need(held: bool, words: str) -> None:
    if not held:
        raise ValueError(words)


def described(card: Mapping[str, Any]) -> str:
    """Describes the known defects of a model's card in words."""
    if not card["defects"]:
        return "none"
    known, kinds = card["defects"], len(set(card["defects"]["kinds"]))
    said = f"{len(known['images'])} of {kinds} kind{'s' * (kinds > 1)}, {'' if card['classifier'] else 'not '}used"
    if not known["report"]:
        return said
    found = known["report"]["found"]
    return f"{said}; left out of learning in turn: NG {found['ng']} -> {found['ng_with']} of {found['count']}"
