"""Builds the whole graph of a model: pixels -> score, p-value, verdict and map."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper

from psdl.backbone.graphs import graphs
from psdl.backbone.session import Session
from psdl.calibrate import masks
from psdl.errors import PsdlError
from psdl.export import coding, picture, scoring
from psdl.export import known as defects
from psdl.export.graph import Graph
from psdl.input import preprocess
from psdl.model import file, recipes
from psdl.model.model import VERDICTS, Model
from psdl.report import heat
from psdl.types import Geometry, InputRule, Network

Shapes = dict[str, tuple[int, ...]]


def write(model: Model, path: str | Path) -> None:
    """Writes the graph of a model as an .onnx file, atomically.

    Its input `image` is (h,w,3) uint8, RGB. Its outputs are:

    - `score` () float64 is the image score.
    - `p_value` () float64 is the conformal p-value, see `thresholds.share_at_least`.
    - `verdict` () int64 is an index into VERDICTS.
    - `map` (H,W) float32 is the anomaly map at the network's input size.
    - `anomaly_score` () float64 is the score without known defects; it is below `score` where the image looks more
      like those.

    Raises PsdlError if the recipe or the images learned from do not allow a graph: methods other than exemplars
    and shared, tiles, registration, images deeper than 8 bits, or several image sizes with an input rule that
    depends on them.
    """
    file.write_whole(Path(path), exported(model).SerializeToString())


def exported(model: Model) -> Any:
    """Returns the graph of a model as an onnx.ModelProto. Raises PsdlError like `write`."""
    recipe, frame = model.recipe, model.frame
    rule = recipe.input or InputRule()
    source = _source(model, rule)
    _check(model, rule)
    g = Graph()
    geometry = preprocess.plan(rule, source or rule.resize or (0, 0))
    found: dict[str, str] = {}
    signals: dict[str, str] = {}
    gain = ""  # from the smallest scale, for all scales
    for scale, taps in recipes.passes(recipe, model.network.taps).items():
        at = preprocess.scaled(geometry, scale, recipe.multiple)
        pixels, inside = _pixels(g, at, rule, source), preprocess.sized(frame.roi, at.input)
        gain = gain or picture.gain(g, pixels, recipe.light, inside)
        values = picture.normalised(g, pixels, model.network, gain, inside)
        maps, shapes = _maps(g, model.network, values, at.input, taps)
        for part in recipe.parts:
            if part.scale == scale:
                state = model.states[part.name]
                signals[part.name] = coding.assembled(g, maps, shapes, part, state)
                found[part.name] = coding.distances(g, signals[part.name], part, state)
    grids = {name: state.grid for name, state in model.states.items()}
    size = geometry.input
    whole, counting = scoring.mapped(g, found, grids, recipe)
    value = scoring.image_score(g, counting, recipe.image_score, size, frame.roi)
    anomaly = value
    if model.classifier and model.averages:
        means = defects.averaged(g, signals, found, grids, model.averages, recipe)
        value = g.op("Max", anomaly, defects.score(g, anomaly, means, model.classifier))
    p_value, verdict = scoring.judged(g, value, model.calibration)
    shown = whole if frame.roi is None else g.op("Where", frame.roi, whole, float("nan"))
    named = {"score": value, "p_value": p_value, "verdict": verdict, "map": shown, "anomaly_score": anomaly}
    for name, out in named.items():
        g.op("Identity", out, out=name)
    sides = source or ("height", "width")
    inputs = [helper.make_tensor_value_info("image", TensorProto.UINT8, [*sides, 3])]
    kinds = {"score": TensorProto.DOUBLE, "p_value": TensorProto.DOUBLE, "verdict": TensorProto.INT64}
    outputs = [helper.make_tensor_value_info(name, kind, []) for name, kind in kinds.items()]
    outputs.append(helper.make_tensor_value_info("map", TensorProto.FLOAT, list(size)))
    outputs.append(helper.make_tensor_value_info("anomaly_score", TensorProto.DOUBLE, []))
    return g.model(inputs, outputs, _facts(model))


def _source(model: Model, rule: InputRule) -> tuple[int, int] | None:
    """Returns the size (h,w) of all images learned from, or None if they differ and the input rule takes any size.

    Raises PsdlError if they differ and the rule depends on the size.
    """
    sizes = {(int(h), int(w)) for h, w in model.image_statistics[:, 2:4]}
    if len(sizes) == 1:
        return sizes.pop()
    if rule.resize and not (rule.crop or rule.shorter):
        return None
    raise PsdlError(
        f"the model was learned from images of {len(sizes)} sizes, and its input rule depends on the size: a graph"
        " needs one size, or `resize` square"
    )


def _check(model: Model, rule: InputRule) -> None:
    """Raises PsdlError if the model cannot be exported."""
    if model.recipe.tile:
        raise PsdlError("a model that sees images in tiles cannot be exported: learn without `tile`")
    if rule.align != "none":
        raise PsdlError("a model that registers images cannot be exported: learn without `align`")
    if rule.white is not None:
        raise PsdlError("a model of images deeper than 8 bit cannot be exported: learn from 8-bit images")
    for part in model.recipe.parts:
        coding.check(part)


def _pixels(g: Graph, at: Geometry, rule: InputRule, source: tuple[int, int] | None) -> str:
    """Returns the image (3,h,w) float64 of whole numbers, as the network sees it at one scale."""
    box = at.crop if source else None
    return picture.cut(g, picture.resized(g, "image", box, at.resized, rule.filter), at.window)


def _maps(
    g: Graph, network: Network, values: str, size: tuple[int, int], taps: Sequence[str]
) -> tuple[dict[str, str], Shapes]:
    """Returns the names and the shapes of the network's maps of `taps`, by tap.

    `values` (1,3,h,w) is the network's input and `size` (h,w) its size.
    """
    seen = Session(network).maps(np.zeros((1, 3, *size), np.float32), taps)
    known = graphs(network)
    least = min((some for some in known if set(taps) <= set(some)), key=len)
    return g.network(known[least], values, tuple(seen)), {tap: found.shape for tap, found in seen.items()}


def _facts(model: Model) -> dict[str, str]:
    """Returns the metadata of the file."""
    known = model.calibration
    start, end = heat.ends(known)
    return {
        "made by": f"psdl {version('psdl')}",
        "recipe": model.recipe.name,
        "categories": ", ".join(model.categories),
        "threshold": repr(known.threshold),
        "review_threshold": repr(known.review_threshold),
        "pixel_threshold": repr(masks.pixel_threshold(known)),
        "peak_threshold": repr(float(known.peak_threshold)),
        "heat_start": repr(start),
        "heat_end": repr(end),
        "false_reject": repr(known.rates.false_reject),
        "verdicts": ", ".join(VERDICTS),
        "calibration": known.origin,
    }
