"""Model <-> one safetensors file: arrays, the graph's bytes, and all else as one JSON card. See FORMAT.md."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from psdl._util.atomic import drafted
from psdl.errors import PsdlError
from psdl.model import known
from psdl.model.model import Frame, Golden, Model
from psdl.model.recipes import from_card
from psdl.types import Calibration, Grid, Network, Origin, Rates, Sample, State

FORMAT = 9
KEY = "psdl"  # the one metadata key: safetensors writes several in random order
GRAPH = "graph"
SCORED = ("scores", "peaks", "items", "pixels")  # the calibration's arrays
UNSEEN = ("anomaly", "averages")  # those it may lack
TESTED = ("inputs", "scores", "maps")  # the self-test's
APART = (  # of a model: not plain values
    *("states", "network", "calibration", "golden", "album", "frame", "looks", "averages", "known", "classifier"),
)


def write(model: Model, path: str | Path) -> None:
    """Writes atomically; the same model gives the same bytes."""
    path = Path(path)
    check_target(path)
    write_whole(path, save(_arrays(model), {KEY: json.dumps(card(model), sort_keys=True)}))


def write_whole(path: Path, data: bytes) -> None:
    """A file that is on the disk, whole, or not there at all."""
    with drafted(path) as draft, draft.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


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
    if card.get("format") != FORMAT:
        known = card.get("format")
        newer = isinstance(known, int) and known > FORMAT
        raise PsdlError(
            f"{path} has model format {known}, this psdl reads {FORMAT}:"
            f" {'install a newer psdl' if newer else 'fit a new one'}"
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


def described(card: Mapping[str, Any]) -> dict[str, str]:
    """The card in words for people."""
    recipe, network, calibration = card["recipe"], card["network"], card["calibration"]
    rates, dropped = calibration["rates"], len(card["dropped"])
    grids = {name: f"{grid['h']} x {grid['w']} positions" for name, grid in card["grids"].items()}
    parts = [
        f"{part['name']} ({part['method']}, {', '.join(part['taps'])}, {grids[part['name']]},"
        f" {', '.join(f'{k} {v}' for k, v in sorted(part['params'].items()))}, weight {part['weight']:.2f}"
        + (f", statistics drawn to their mean by {part['shrink']:.0%})" if part["unseen"] else ")")
        for part in recipe["parts"]
    ]
    return {
        "format": str(card["format"]),
        "categories": ", ".join(card["categories"]),
        "recipe": f"{recipe['name']}, image score {recipe['image_score']}, smoothing {recipe['smoothing']} px",
        "seed": str(recipe["seed"]),
        "parts": "; ".join(parts),
        "input": "; ".join(f"{k} {v}" for k, v in (recipe["input"] or {}).items() if v is not None),
        "region of interest": f"{card['region']:.1%} of the input" if card["region"] else "all of the input",
        "light": f"brought to {recipe['light']:.0f} of 255" if recipe["light"] else "as it is",
        "backbone": f"{network['name']} ({network['licence'] or 'licence not stated'})",
        "graph SHA-256": network["graph_sha256"],
        "weights SHA-256": network["weights_sha256"],
        "threshold": f"{calibration['threshold']:.6g} at a false-reject rate of {rates['alarm']:.2%}"
        + (f", with {rates['confidence']:.0%} confidence" if rates["confidence"] else ""),
        "review": f"a rate of {rates['review']:.2%}" if rates["review"] else "no such verdict",
        "calibration": f"{len(calibration['images'])} images; {calibration['origin']}",
        "learned from": f"{len(card['learned'])} images" + (f", {dropped} left out" if dropped else ""),
        "known defects": known.described(card),
        "history": "; ".join(map(_entry, card["history"])),
        "learned with": ", ".join(f"{k} {v}" for k, v in sorted(card["versions"].items())),
    }


def _entry(entry: Mapping[str, Any]) -> str:
    """One line of the history: what was done, by whom, when."""
    who = " ".join(word for word in (entry.get("on", ""), f"by {entry['by']}" if entry.get("by") else "") if word)
    images = f" from {entry['images']} images" if "images" in entry else ""
    return f"{entry['what']}{images}{f' ({who})' if who else ''}, threshold {entry['threshold']:.6g}"


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
    arrays |= {f"{GRAPH}/{depth}": np.frombuffer(cut, np.uint8) for depth, cut in model.network.cuts.items()}
    arrays |= {f"calibration/{name}": getattr(model.calibration, name) for name in SCORED}
    arrays |= {f"calibration/{k}": v for k in UNSEEN if (v := getattr(model.calibration, k)) is not None}
    arrays |= known.arrays(model)
    arrays["looks"] = model.looks
    if model.golden:
        arrays |= {f"selftest/{name}": getattr(model.golden, name) for name in TESTED}
    if model.frame.roi is not None:
        arrays["frame/roi"] = model.frame.roi.astype(np.uint8)
    if model.frame.reference is not None:
        arrays["frame/reference"] = model.frame.reference
    if model.album:
        arrays["album/bytes"] = np.frombuffer(b"".join(model.album), np.uint8)
        arrays["album/ends"] = np.cumsum([len(picture) for picture in model.album], dtype=np.int64)
    return arrays


def card(model: Model) -> dict[str, Any]:
    """All of a model but its arrays and its graph, as plain values for JSON. FORMAT.md names the keys."""
    thresholds = model.calibration
    values = {f.name: getattr(thresholds, f.name) for f in fields(thresholds) if f.name not in SCORED + UNSEEN}
    rest = {f.name: getattr(model, f.name) for f in fields(model) if f.name not in APART}
    return {
        **rest,
        "format": FORMAT,
        "recipe": asdict(model.recipe),
        "network": _network(model.network),
        "grids": {part: _grid(state.grid) for part, state in model.states.items()},
        "region": None if model.frame.roi is None else float(model.frame.roi.mean()),
        "calibration": {**values, "rates": asdict(thresholds.rates), "images": _pairs(thresholds.images)},
        **known.card(model),
        "learned": _pairs(model.learned),
    }


def _network(network: Network) -> dict[str, Any]:
    """A network as plain values, its cuts by their hashes."""
    values = {k: v for k, v in asdict(network).items() if k != "graph"}
    return {**values, "cuts": {str(depth): _sha256(cut) for depth, cut in network.cuts.items()}}


def _grid(grid: Grid) -> dict[str, Any]:
    """A grid as plain values; its region of interest is the frame's."""
    return {"h": grid.h, "w": grid.w, "input": grid.input}


def _pairs(images: Iterable[Origin]) -> list[list[str]]:
    return [[image.name, image.sha256] for image in images]


def _model(card: dict[str, Any], arrays: dict[str, np.ndarray], path: Path) -> Model:
    network: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in card["network"].items()}
    network["graph"] = _graph(arrays, GRAPH, network["graph_sha256"], path)
    network["cuts"] = {int(n): _graph(arrays, f"{GRAPH}/{n}", known, path) for n, known in network["cuts"].items()}
    recipe = from_card(card["recipe"])
    roi = arrays["frame/roi"].astype(bool) if "frame/roi" in arrays else None
    states = {}
    for part in recipe.parts:
        grid = card["grids"][part.name]
        inside = {k.removeprefix(part.name + "/"): v for k, v in arrays.items() if k.startswith(part.name + "/")}
        states[part.name] = State(Grid(**{**grid, "input": tuple(grid["input"]), "roi": roi}), inside)
    values: dict[str, Any] = {**card["calibration"], "rates": Rates(**card["calibration"]["rates"])}
    values |= {name: arrays[f"calibration/{name}"] for name in SCORED}
    values |= {name: arrays.get(f"calibration/{name}") for name in UNSEEN}
    values["images"] = tuple(Origin(*pair) for pair in values["images"])
    return Model(
        recipe=recipe,
        network=Network(**network),
        states=states,
        calibration=Calibration(**values),
        categories=tuple(card["categories"]),
        options=card["options"],
        versions=card["versions"],
        learned=tuple(Origin(*pair) for pair in card["learned"]),
        dropped=tuple(card["dropped"]),
        album=_album(arrays),
        golden=Golden(*(arrays[f"selftest/{name}"] for name in TESTED)) if "selftest/scores" in arrays else None,
        history=tuple(card["history"]),
        frame=Frame(roi, arrays.get("frame/reference")),
        looks=arrays["looks"],
        **known.read(card, arrays),
    )


def _graph(arrays: Mapping[str, np.ndarray], name: str, named: str, path: Path) -> bytes:
    """A graph of the file. Raises PsdlError if it is not the one that the card names."""
    graph = arrays[name].tobytes()
    found = _sha256(graph)
    if found != named:
        raise PsdlError(
            f"{path} holds a graph with SHA-256 {found[:12]}..., its card names {named[:12]}...:"
            " the file was changed, fit a new one"
        )
    return graph


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _album(arrays: Mapping[str, np.ndarray]) -> tuple[bytes, ...]:
    if "album/ends" not in arrays:
        return ()
    ends = [0, *map(int, arrays["album/ends"])]
    data = arrays["album/bytes"].tobytes()
    return tuple(data[start:end] for start, end in pairwise(ends))
