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

__all__ = ["Averages", "Classifier", "Known", "arrays", "card", "described", "read"]

F16 = NDArray[np.float16]


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
    as the model judged it; image_statistics (K,2) float32: its brightness and sharpness; items (K,) int32: the
    item it shows, numbered from 0; kinds: what people call each, empty if they do not; images: where each came
    from; report: what learning them came to, see `training.defects.Lesson`, empty where they are not learned
    from."""

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
    """The arrays of a model's averages, known defects and classifier, by their names in its file."""
    own = [(name, getattr(model, name), shapes) for name, shapes in SHAPES.items()]
    return {
        f"{name}/{_filed(k)}": np.ascontiguousarray(getattr(part, k))
        for name, part, shapes in own
        if part
        for k in shapes
    }


def _filed(name: str) -> str:
    """The name in files of an array of these."""
    return "looks" if name == "image_statistics" else name


def card(model: Model) -> dict[str, Any]:
    """What is plain of a model's averages, known defects and classifier."""
    found: dict[str, Any] = dict.fromkeys(SHAPES)
    for name, shapes in SHAPES.items():
        part = getattr(model, name)
        if part is not None:
            found[name] = {f.name: getattr(part, f.name) for f in fields(part) if f.name not in shapes}
    if model.defects:
        found["defects"]["images"] = [[one.name, one.sha256, one.seen] for one in model.defects.images]
    return found


def read(card: Any, arrays: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """What `card` and `arrays` wrote, as a model's fields; card: checked. Raises ValueError on what does not
    fit."""
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
    """Raises ValueError on arrays that do not fit each other."""
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
    """The known defects of a model's card in words for people."""
    if not card["defects"]:
        return "none"
    known, kinds = card["defects"], len(set(card["defects"]["kinds"]))
    said = f"{len(known['images'])} of {kinds} kind{'s' * (kinds > 1)}, {'' if card['classifier'] else 'not '}used"
    if not known["report"]:
        return said
    found = known["report"]["found"]
    return f"{said}; left out of learning in turn: NG {found['ng']} -> {found['ng_with']} of {found['count']}"
