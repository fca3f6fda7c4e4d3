"""Model <-> one safetensors file: arrays, the graph's bytes, and all else as one JSON card. See FORMAT.md."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from psdl.errors import PsdlError
from psdl.recipes import from_card
from psdl.types import Calibration, Grid, Model, Network, Sample, State

FORMAT = 1
KEY = "psdl"  # the one metadata key: safetensors writes several in random order
GRAPH = "graph"
SCORES, WEIGHTS = "calibration/scores", "calibration/weights"


def write(model: Model, path: str | Path) -> None:
    """Writes atomically; the same model gives the same bytes."""
    path = Path(path)
    check_target(path)
    data = save(_arrays(model), {KEY: json.dumps(card(model), sort_keys=True)})
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def check_target(path: Path) -> None:
    """Raises PsdlError where no model file can be written: worth asking before an hour of learning."""
    if path.is_dir():
        raise PsdlError(f"{path} is a folder, but the model needs a file name: give {path / 'model.psdl'}")
    if not path.parent.is_dir():
        raise PsdlError(f"no folder {path.parent} for the model file {path.name}: make it first")


def read(path: str | Path) -> Model:
    """Reads a model file. Nothing in it is executed but the graph, by ONNX Runtime, once its hash is checked.

    Raises PsdlError on a missing, damaged, newer or foreign file, and on a graph that its card does not name.
    """
    path = Path(path)
    data = _bytes(path)
    card = _read_card(data, path)
    if card.get("format", 0) > FORMAT:
        raise PsdlError(
            f"{path} has model format {card['format']}, this psdl reads up to {FORMAT}: install a newer psdl"
        )
    try:
        arrays = load(data)
        return _model(card, arrays, path)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise damaged(path, error) from None


def damaged(path: str | Path, error: Exception) -> PsdlError:
    """The error for a model file whose parts do not fit together."""
    line = " ".join(str(error).split())[:120]
    return PsdlError(f"{path} is a damaged model file ({line}): copy it again or fit a new one")


def model_files(model: Path, samples: Iterable[Sample], each: bool) -> dict[str, Path]:
    """{category: its model file}: `model` for all jointly; with `each` CATEGORY.psdl in that folder."""
    categories = sorted({sample.category for sample in samples})
    return {name: model / f"{name}.psdl" if each else model for name in categories}


def describe(card: Mapping[str, Any]) -> list[str]:
    """The card in a few lines for people."""
    recipe, network, calibration = card["recipe"], card["network"], card["calibration"]
    grids = {name: f"{grid['h']} x {grid['w']} positions" for name, grid in card["grids"].items()}
    parts = [
        f"{part['name']} ({part['method']}, {', '.join(part['taps'])}, {grids[part['name']]},"
        f" {', '.join(f'{k} {v}' for k, v in sorted(part['params'].items()))})"
        for part in recipe["parts"]
    ]
    rows = {
        "format": card["format"],
        "categories": ", ".join(card["categories"]),
        "recipe": f"{recipe['name']}, image score {recipe['image_score']}, smoothing {recipe['smoothing']} px",
        "parts": "; ".join(parts),
        "input": "; ".join(f"{k} {v}" for k, v in (recipe["input"] or {}).items() if v is not None),
        "backbone": f"{network['name']} ({network['licence'] or 'licence not stated'})",
        "graph SHA-256": network["graph_sha256"],
        "weights SHA-256": network["weights_sha256"],
        "threshold": f"{calibration['threshold']:.6g} at a false-reject rate of {calibration['alarm']:.2%}",
        "review": f"a rate of {calibration['review']:.2%}" if calibration.get("review") else "no such verdict",
        "calibration": f"{calibration['groups']} items; {calibration.get('origin', '')}".rstrip("; "),
        "learned with": ", ".join(f"{k} {v}" for k, v in sorted(card["versions"].items())),
    }
    wide = max(map(len, rows))
    return [f"{key:{wide}}  {value}" for key, value in rows.items()]


def _bytes(path: Path) -> bytes:
    if path.is_dir():
        raise PsdlError(f"{path} is a folder, but a model file was expected: give the file that fit wrote")
    if not path.is_file():
        raise PsdlError(f"no model file {path}: give the file that `psdl fit --model` wrote")
    return path.read_bytes()


def _read_card(data: bytes, path: Path) -> dict[str, Any]:
    foreign = f"{path} is not a psdl model file"
    # A model's first eight bytes are a length and may be any; its ninth is always a brace.
    if data[8:9] != b"{" and (data[:1] == b"\x80" or data[:2] == b"PK"):
        raise PsdlError(
            f"{foreign} but a pickle or zip archive, which psdl never opens: give a model that fit wrote"
        )
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or size > 100_000_000 or data[8:9] not in (b"{", b""):
        raise PsdlError(f"{foreign}: give the file that `psdl fit --model` wrote")
    if len(data) < 8 + size:
        raise PsdlError(f"{path} is cut short inside its header: copy it again or fit a new one")
    try:
        header = json.loads(data[8 : 8 + size])
        end = max((v["data_offsets"][1] for k, v in header.items() if k != "__metadata__"), default=0)
        card = json.loads(header["__metadata__"][KEY])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise PsdlError(f"{foreign} (no card): give the file that `psdl fit --model` wrote") from None
    if len(data) < 8 + size + end:
        raise PsdlError(
            f"{path} is cut short ({len(data)} of {8 + size + end} bytes): copy it again or fit a new one"
        )
    if not isinstance(card, dict):
        raise PsdlError(f"{foreign} (its card is no object): give the file that `psdl fit --model` wrote")
    return card


def _arrays(model: Model) -> dict[str, np.ndarray]:
    arrays = {
        f"{part}/{k}": np.ascontiguousarray(v) for part, s in model.states.items() for k, v in s.arrays.items()
    }
    arrays[GRAPH] = np.frombuffer(model.network.graph, np.uint8)
    arrays[SCORES] = model.calibration.scores
    if model.calibration.weights is not None:
        arrays[WEIGHTS] = model.calibration.weights
    return arrays


def card(model: Model) -> dict[str, Any]:
    """All of a model but its arrays and its graph, as plain values for JSON. FORMAT.md names the keys."""
    network = {k: v for k, v in asdict(model.network).items() if k != "graph"}
    calibration = {k: v for k, v in asdict(model.calibration).items() if k not in ("scores", "weights")}
    return {
        "format": FORMAT,
        "recipe": asdict(model.recipe),
        "network": network,
        "grids": {part: asdict(state.grid) for part, state in model.states.items()},
        "calibration": calibration,
        "categories": model.categories,
        "options": dict(model.options),
        "versions": dict(model.versions),
    }


def _model(card: dict[str, Any], arrays: dict[str, np.ndarray], path: Path) -> Model:
    graph = arrays[GRAPH].tobytes()
    named = card["network"]["graph_sha256"]
    found = hashlib.sha256(graph).hexdigest()
    if found != named:
        raise PsdlError(
            f"{path} holds a graph with SHA-256 {found[:12]}..., its card names {named[:12]}...:"
            " the file was changed, fit a new one"
        )
    network: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in card["network"].items()}
    recipe = from_card(card["recipe"])
    states = {}
    for part in recipe.parts:
        grid = card["grids"][part.name]
        inside = {k.removeprefix(part.name + "/"): v for k, v in arrays.items() if k.startswith(part.name + "/")}
        states[part.name] = State(Grid(**{**grid, "input": tuple(grid["input"])}), inside)
    return Model(
        recipe=recipe,
        network=Network(graph=graph, **network),
        states=states,
        calibration=Calibration(scores=arrays[SCORES], weights=arrays.get(WEIGHTS), **card["calibration"]),
        categories=tuple(card["categories"]),
        options=card["options"],
        versions=card["versions"],
    )
