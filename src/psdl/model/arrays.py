"""Converts a model to the arrays of its file, and checks and reads such arrays.

Arrays that do not fit the card or each other raise ValueError, which `file.read` turns into a message for users.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from psdl.methods.base import method_of
from psdl.model import known
from psdl.model.card import SCORED, UNSEEN
from psdl.model.model import VERDICTS, Frame, Golden, Model
from psdl.model.schema import Card
from psdl.types import Grid, Part, State

Arrays = Mapping[str, NDArray[Any]]
GRAPH = "graph"
TESTED = ("inputs", "scores", "maps", "verdicts")  # arrays of the self-test
STATISTICS = ("unseen", "code", "residual")  # quantities of which a branch may have a mean and a scale
F32, F64, U8, I32, I64 = np.float32, np.float64, np.uint8, np.int32, np.int64


def of(model: Model) -> dict[str, NDArray[Any]]:
    """Returns the arrays of a model by their names in its file."""
    arrays = {
        f"{part}/{k}": np.ascontiguousarray(v) for part, s in model.states.items() for k, v in s.arrays.items()
    }
    arrays[GRAPH] = np.frombuffer(model.network.graph, U8)
    arrays |= {f"{GRAPH}/{','.join(taps)}": np.frombuffer(cut, U8) for taps, cut in model.network.cuts.items()}
    arrays |= {f"calibration/{name}": getattr(model.calibration, name) for name in SCORED}
    arrays |= {f"calibration/{k}": v for k in UNSEEN if (v := getattr(model.calibration, k)) is not None}
    arrays |= known.arrays(model)
    arrays |= {"looks": model.image_statistics, "unseen": model.unseen}
    if model.golden:
        arrays |= {f"selftest/{name}": getattr(model.golden, name) for name in TESTED}
    if model.frame.roi is not None:
        arrays["frame/roi"] = model.frame.roi.astype(U8)
    if model.frame.reference is not None:
        arrays["frame/reference"] = model.frame.reference
    if model.album:
        arrays["album/bytes"] = np.frombuffer(b"".join(model.album), U8)
        arrays["album/ends"] = np.cumsum([len(picture) for picture in model.album], dtype=I64)
    return arrays


def state(arrays: Arrays, part: Part, grid: Grid, card: Card) -> State:
    """Returns the fitted state of a branch from the arrays of a file.

    The arrays must have the types and shapes that the ARRAYS of the branch's method state, where P is the number
    of positions, F the signal length, and any other letter a size that is the same wherever it occurs. Raises
    ValueError if they do not fit.
    """
    inside = {k.removeprefix(part.name + "/"): v for k, v in arrays.items() if k.startswith(part.name + "/")}
    length = _length(part, card)
    sizes = {"P": grid.positions, "F": length}
    for name, (kind, *shape) in method_of(part).ARRAYS.items():
        _fit(inside, name, kind, shape, sizes)
    for name in STATISTICS:
        if f"{name}_mean" in inside or (name == "unseen" and part.unseen):
            _fit(inside, f"{name}_mean", F32, ["P"], sizes)
            _fit(inside, f"{name}_scale", F32, ["P"], sizes)
            _need(bool((inside[f"{name}_scale"] > 0).all()), f"{part.name}/{name}_scale is not above 0")
    for name, top in (("source", len(card.learned)), ("channels", length)):
        if name in inside:
            _places(inside[name], top, f"{part.name}/{name}")
    _need(all(map(finite, inside.values())), f"{part.name} holds values that are no numbers")
    return State(grid, inside)


def finite(array: NDArray[Any]) -> bool:
    """Returns whether all values are finite; integers always are."""
    if array.dtype == np.float16:  # by its bits, which is ten times as fast as numpy's isfinite
        bits, top = array.view(np.uint16), 0x7C00  # 0x7C00 is infinity; NaNs lie above it
        return not bits.size or (int(bits.max()) < top + 0x8000 and int(array.view(np.int16).max()) < top)
    return not np.issubdtype(array.dtype, np.inexact) or bool(np.isfinite(array).all())


def frame(arrays: Arrays, card: Card) -> Frame:
    """Returns the region of interest and the reference image of a file.

    Raises ValueError if they fit neither the card nor the input.
    """
    roi, reference = arrays.get("frame/roi"), arrays.get("frame/reference")
    sides = next(iter(card.grids.values())).input
    _need((roi is None) == (card.region is None), "its region of interest is there without its share")
    if roi is not None:
        _need(roi.shape == sides and roi.dtype == U8 and roi.max() == 1, "frame/roi does not fit the input")
    if reference is not None:
        _need(
            reference.ndim == 2 and reference.dtype == U8 and reference.size > 0, "frame/reference is no picture"
        )
    return Frame(None if roi is None else roi.astype(bool), reference)


def check_calibration(arrays: Arrays, card: Card) -> None:
    """Raises ValueError unless the calibration's arrays fit each other and the card.

    Scores, peaks and items have one length. Scores ascend, and so do the map values `pixels`. Items are numbered
    from 0 without gaps.
    """
    found = {name: arrays[f"calibration/{name}"] for name in SCORED}
    scores, items, pixels, count = found["scores"], found["items"], found["pixels"], len(found["scores"])
    wanted = {"scores": (count,), "peaks": (count,), "items": (count,), "pixels": (len(pixels),)}
    kinds = {"scores": F64, "peaks": F64, "items": I32, "pixels": F64}
    for name, array in found.items():
        _need(array.shape == wanted[name] and array.dtype == kinds[name], f"calibration/{name} does not fit")
        _need(finite(array), f"calibration/{name} holds values that are no numbers")
    _need(count > 0 and 0 < len(pixels) <= 49, "its calibration is empty")
    _need(bool((np.diff(scores) >= 0).all() and (np.diff(pixels) >= 0).all()), "its scores do not ascend")
    _places(items, count, "calibration/items")
    _need(bool((np.bincount(items) > 0).all()), "its items are not numbered from 0")
    _need(len(card.calibration.images) in (0, count), "its calibration names other images than it has scores")


def check_learned(arrays: Arrays, card: Card) -> None:
    """Raises ValueError unless image statistics and held-out scores are there for all images learned from, or for
    none."""
    image_statistics, unseen, count = arrays["looks"], arrays["unseen"], len(card.learned)
    _need(
        image_statistics.dtype == F32
        and image_statistics.shape in ((0, 5), (count, 5))
        and finite(image_statistics),
        "looks do not fit",
    )
    _need(unseen.dtype == F64 and unseen.shape in ((0,), (count,)), "unseen does not fit")
    _need(not np.isinf(unseen).any(), "unseen holds values that are no numbers")
    if len(image_statistics):
        _need(
            bool((image_statistics[:, 4] >= 0).all() and (image_statistics[:, :4] >= 0).all()),
            "looks are out of range",
        )


def golden(arrays: Arrays, card: Card) -> Golden | None:
    """Returns the self-test of a file, or None if it has none. Raises ValueError if its arrays do not fit."""
    if "selftest/scores" not in arrays:
        return None
    found = Golden(*(arrays[f"selftest/{name}"] for name in TESTED))
    count, sides = len(found.scores), next(iter(card.grids.values())).input
    shapes = (found.scores.shape, found.verdicts.shape, found.maps.shape, found.inputs.shape)
    _need(
        shapes == ((count,), (count,), (count, *sides), (count, *found.inputs.shape[1:3], 3)),
        "selftest does not fit",
    )
    kinds = [array.dtype for array in (found.inputs, found.scores, found.maps, found.verdicts)]
    _need(kinds == [U8, F64, F32, U8] and found.inputs.size > 0, "selftest does not fit")
    _need(
        int(found.verdicts.max()) < len(VERDICTS) and finite(found.scores), "selftest has odd scores or verdicts"
    )
    return found


def album(arrays: Arrays, card: Card) -> tuple[bytes, ...]:
    """Returns a small JPEG of each image learned from, or nothing if the file has none.

    Raises ValueError if the pictures do not fit the card.
    """
    if "album/ends" not in arrays:
        return ()
    ends, data = arrays["album/ends"], arrays["album/bytes"]
    _need(ends.dtype == I64 and data.dtype == U8 and ends.ndim == data.ndim == 1, "album does not fit")
    _need(len(ends) == len(card.learned), "album has not a picture of each image")
    places = [0, *map(int, ends)]
    _need(places == sorted(places) and places[-1] == len(data), "album ends elsewhere")
    whole = data.tobytes()
    return tuple(whole[start:end] for start, end in pairwise(places))


def graph(arrays: Arrays, name: str) -> bytes:
    """Returns the bytes of the graph with this array name. Raises ValueError if the array cannot be one."""
    _need(arrays[name].dtype == U8 and arrays[name].ndim == 1, f"{name} is no graph")
    return arrays[name].tobytes()


def _fit(arrays: Arrays, name: str, kind: Any, shape: list[Any], sizes: dict[str, int]) -> None:
    """Raises ValueError unless the array `name` exists with the dtype `kind` and this shape.

    Letters in `shape` stand for the sizes in `sizes`; a new letter is added there.
    """
    _need(name in arrays, f"{name} is missing")
    array = arrays[name]
    _need(array.dtype == kind, f"{name} is of {array.dtype}, not {np.dtype(kind)}")
    _need(array.ndim == len(shape), f"{name} has the shape {array.shape}")
    for size, wanted in zip(array.shape, shape, strict=True):
        asked = wanted if isinstance(wanted, int) else sizes.setdefault(wanted, size)
        _need(size == asked and size > 0, f"{name} has the shape {array.shape}, where {wanted} is {asked}")


def _places(array: NDArray[Any], top: int, name: str) -> None:
    """Raises ValueError unless the array holds integers from 0 up to, but without, `top`."""
    _need(array.dtype in (I32, I64) and array.size > 0, f"{name} holds no places")
    _need(int(array.min()) >= 0 and int(array.max()) < top, f"{name} leads nowhere")


def _length(part: Part, card: Card) -> int:
    """Returns F, the signal length of a branch."""
    known = dict(zip(card.network.taps, card.network.channels, strict=True))
    total = sum(known[tap] for tap in part.taps)
    return math.isqrt(total) ** 2 if part.square else total


def _need(held: bool, words: str) -> None:
    if not held:
        raise ValueError(words)
