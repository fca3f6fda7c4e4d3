"""Converts a model to its card, and checks and reads such a card.

The card is everything in a model file but arrays and graphs, as plain values for JSON; FORMAT.md lists the keys. A
card that was read is checked before anything runs: each value has its type, lies in its range and fits the others.
Errors are ValueErrors, which `file.read` turns into a message for users.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from pathlib import PurePath
from typing import Any, NoReturn

import msgspec

from psdl.methods.base import load
from psdl.model import known as defects
from psdl.model.model import Model
from psdl.model.schema import Backbone, Card, Known, Sides
from psdl.types import Calibration, Grid, Network, Origin, Part, Rates, Recipe

FORMAT = 11
READ = (10, 11)  # in 10 graphs of fewer taps are called by the number of these
SCORED = ("scores", "peaks", "items", "pixels")  # the calibration's arrays
UNSEEN = ("anomaly", "averages")  # arrays that the calibration may lack
APART = (  # not plain values
    *("states", "network", "calibration", "golden", "album", "frame", "image_statistics", "unseen"),
    *("averages", "defects", "classifier"),
)
PLACES = ("data", "model", "out", "extend", "suspects", "config")  # options that say where, not what
IMAGE_SCORES = ("max", "top-percent", "smooth-top")  # the RULES of anomaly_map, which a test compares
LARGEST = 1 << 16  # pixels a side
RESERVED = ("graph", "digest", "signature", "selftest", "looks", *APART[2:])


def card(model: Model) -> dict[str, Any]:
    """Returns everything of a model but its arrays and its graph, as plain values for JSON."""
    known = model.calibration
    values = {f.name: getattr(known, f.name) for f in fields(known) if f.name not in SCORED + UNSEEN}
    rest = {f.name: getattr(model, f.name) for f in fields(model) if f.name not in APART}
    recipe = asdict(model.recipe)
    return {
        **rest,
        "format": FORMAT,
        "recipe": {**recipe, "arch": _name(recipe["arch"])},
        "network": _network(model.network),
        "grids": {part: {"h": s.grid.h, "w": s.grid.w, "input": s.grid.input} for part, s in model.states.items()},
        "region": None if model.frame.roi is None else float(model.frame.roi.mean()),
        "calibration": {**values, "rates": rates(known.rates), "images": _origins(known.images)},
        "learned": _origins(model.learned),
        "options": recorded(model.options),
        **defects.card(model),
    }


def rates(known: Rates) -> dict[str, float]:
    """Returns rates by the names that they have in files."""
    return {"alarm": known.false_reject, "review": known.review, "confidence": known.confidence}


def recorded(options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the options that determine what was learned.

    Options that say where files lie, or how the work is spread, are left out. Of absolute paths only the last part
    is kept, so that the same data give the same model wherever they lie.
    """
    apart = (*PLACES, "jobs", "quiet", "cluster")
    return {key: _name(value) for key, value in options.items() if key not in apart}


def _name(value: Any) -> Any:
    """Returns the last part of an absolute path; any other value is returned unchanged."""
    return PurePath(value).name if isinstance(value, str) and PurePath(value).is_absolute() else value


def _network(network: Network) -> dict[str, Any]:
    """Returns a network as plain values; its cuts are replaced by their SHA-256."""
    values = {k: v for k, v in asdict(network).items() if k != "graph"}
    cuts = {",".join(taps): hashlib.sha256(cut).hexdigest() for taps, cut in network.cuts.items()}
    return {**values, "cuts": cuts}


def _origins(images: Iterable[Origin]) -> list[list[str]]:
    return [[image.name, image.sha256, image.seen] for image in images]


def parsed(text: bytes | str) -> dict[str, Any]:
    """Returns the plain values of a card's JSON text.

    Raises ValueError if it is no JSON object, or if it contains NaN or infinity.
    """
    found = json.loads(text, parse_constant=_no_number)
    if not isinstance(found, dict):
        raise ValueError("its card is no object")
    return found


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} in the card")


def checked(values: Mapping[str, Any]) -> Card:
    """Returns the typed card of plain values.

    Raises ValueError if a value has another type than `Card` says, is out of range, or does not fit the others.
    """
    found = msgspec.convert(values, Card, strict=True)
    _check_recipe(found.recipe, found.network.taps)
    _check_network(found.network)
    _check_calibration(found.calibration)
    _need(set(found.grids) == {part.name for part in found.recipe.parts}, "its grids are not those of its parts")
    for name, grid in found.grids.items():
        _need(min(grid.h, grid.w, *grid.input) > 0, f"the grid of {name} has no cells")
        _need(grid.h <= grid.input[0] and grid.w <= grid.input[1], f"the grid of {name} is finer than pixels")
        _need(max(grid.input) <= LARGEST, f"the input of {name} is too large")
    _need(len({grid.input for grid in found.grids.values()}) == 1, "its parts have inputs of several sizes")
    rule, (sides,) = found.recipe.input, {grid.input for grid in found.grids.values()}
    stated = None if rule is None or rule.shorter else rule.window or rule.resize
    _need(stated in (None, sides), f"its input rule makes {stated}, its grids are of {sides}")
    _check_defects(found)
    _need(found.region is None or 0 < found.region <= 1, "its region of interest is no share")
    return found


def _need(held: bool, words: str) -> None:
    if not held:
        raise ValueError(words)


def _check_defects(card: Card) -> None:
    names = {part.name for part in card.recipe.parts}
    averaged, decided = card.averages, card.classifier
    _need(averaged is None or {averaged.near, averaged.deep} <= {*names, ""}, "its averages are of unknown parts")
    if decided is not None:
        values = (decided.slope, decided.bias, decided.middle, decided.mean)
        _need(all(map(math.isfinite, values)), "its classifier holds no numbers")
        scales = (decided.unit, decided.spread, decided.deviation)
        _need(all(0 < value < math.inf for value in scales), "its classifier has scales that are none")


def _check_recipe(recipe: Recipe, taps: tuple[str, ...]) -> None:
    names = [part.name for part in recipe.parts]
    _need(bool(names) and len(set(names)) == len(names), "its parts have no names of their own")
    for part in recipe.parts:
        _check_part(part, taps)
    _need(0 <= recipe.smoothing <= 1000 and 1 <= recipe.multiple <= 4096, "its smoothing or multiple is odd")
    _need(recipe.image_score in IMAGE_SCORES, f"it has the image score {recipe.image_score[:40]!r}")
    _need(recipe.light is None or 0 < recipe.light <= 255, f"its light is {recipe.light}")
    _need(recipe.tile is None or 32 <= recipe.tile <= LARGEST, f"its tile is {recipe.tile}")
    _need(1 <= recipe.folds <= 1000, f"its folds are {recipe.folds}")
    rule = recipe.input
    if rule is None:
        return
    sides = [side for pair in (rule.crop, rule.resize, rule.window) for side in pair or ()]
    sides += [] if rule.shorter is None else [rule.shorter]
    _need(all(0 < side <= LARGEST for side in sides), f"a side of its input rule is one of {sides}")
    _need(rule.align in ("none", "shift", "rigid"), f"unknown way to align {rule.align!r}")
    _need(rule.white is None or 0 < rule.white < 2**64, f"its white is {rule.white}")


def _check_part(part: Part, taps: tuple[str, ...]) -> None:
    _need(
        part.name not in RESERVED and "/" not in part.name and bool(part.name), f"no part is called {part.name!r}"
    )
    _need(bool(part.taps) and set(part.taps) <= set(taps), f"{part.name} has taps that its network lacks")
    _need(part.grid in ("deepest", "shallowest", *part.taps), f"{part.name} has no grid {part.grid!r}")
    _need(
        1 <= part.pool <= 99 and part.pool % 2 == 1 and 0 < part.scale <= 4,
        f"{part.name} has an odd pool or scale",
    )
    _need(0 <= part.shrink <= 1 and 0 <= part.weight < 1e6, f"{part.name} has an odd shrink or weight")
    _need(part.image_weight is None or 0 <= part.image_weight < 1e6, f"{part.name} has an odd image weight")
    _need(part.smoothing is None or 0 <= part.smoothing <= 1000, f"{part.name} has an odd smoothing")
    method = load(part.method)
    try:
        params = msgspec.convert(part.params, method.Params, strict=True)
        method.Params(**part.params)
    except (msgspec.ValidationError, TypeError) as error:
        raise ValueError(f"the parameters of {part.name}: {error}") from None
    for field in fields(params):
        value = getattr(params, field.name)
        odd = isinstance(value, (int, float)) and not 0 <= value < 2**64
        _need(not odd, f"{part.name} has {field.name} {value}")


def _check_network(network: Backbone) -> None:
    taps = network.taps
    _need(bool(taps) and len(set(taps)) == len(taps) == len(network.channels), "its taps and channels do not fit")
    _need(all(0 < channels <= LARGEST for channels in network.channels), "its channels are out of range")
    _need(all(abs(value) < 1e6 for value in network.mean), f"its network's mean is {network.mean}")
    _need(all(0 < value < 1e6 for value in network.std), f"its network's deviation is {network.std}")
    given = [network.graph_taps or taps, *(cut_taps(name, taps) for name in network.cuts)]
    known = all(some and len(set(some)) == len(some) and set(some) <= set(taps) for some in given)
    _need(known and {tap for some in given for tap in some} == set(taps), f"it has cuts {[*network.cuts]}")


def cut_taps(name: str, taps: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the taps that a graph computes, by its name in a file: their names, or, in files of format 10, the
    number of the first of `taps`."""
    return taps[: int(name)] if name.isdecimal() else tuple(name.split(","))


def _check_calibration(known: Known) -> None:
    rates, limits = known.rates, (known.threshold, known.peak_threshold)
    _need(0 < rates.false_reject <= 1, f"its false-reject rate is {rates.false_reject}")
    _need(rates.review == 0 or rates.false_reject <= rates.review <= 1, f"its review rate is {rates.review}")
    _need(0 <= rates.confidence < 1, f"its confidence is {rates.confidence}")
    _need(all(map(math.isfinite, limits)), f"its thresholds are {limits}")
    review = known.review_threshold
    _need((review is None) == (rates.review == 0), "its review rate and threshold do not fit")
    _need(
        review is None or (math.isfinite(review) and review <= known.threshold),
        f"its review threshold is {review}",
    )


def calibration(known: Known, arrays: Mapping[str, Any]) -> Calibration:
    """Returns the calibration that a card and the arrays of its file describe."""
    scored = {name: arrays[f"calibration/{name}"] for name in SCORED}
    scored |= {name: arrays.get(f"calibration/{name}") for name in UNSEEN}
    values = {f.name: getattr(known, f.name) for f in fields(Calibration) if f.name not in SCORED + UNSEEN}
    values["rates"] = Rates(known.rates.false_reject, known.rates.review, known.rates.confidence)
    return Calibration(**{**values, **scored, "images": tuple(Origin(*one) for one in known.images)})


def grid(sides: Sides, roi: Any) -> Grid:
    """Returns the grid that a card describes, with the region of interest of its file (None if there is none)."""
    return Grid(sides.h, sides.w, sides.input, roi)
