"""A backbone's name or file -> Network: finds the graph, cuts it to the deepest tap, checks hashes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from psdl._util import plugins
from psdl.backbone.zoo import ZOO
from psdl.errors import PsdlError
from psdl.types import Network

PACKAGED = Path(__file__).parent / "graphs"
IMAGENET = {"mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]}  # of 8-bit values


class Offered(NamedTuple):
    """What a backbone has to offer: its taps in the order of depth; the side of its patches in pixels, where its
    maps are a transformer's tokens."""

    taps: tuple[str, ...]
    patch: int | None


def offered(arch: str, weights: str | None = None) -> Offered:
    """The taps of the network `arch`, and its patches. Raises PsdlError like `network`."""
    if arch in ZOO:
        return Offered(tuple(ZOO[arch].taps), None)
    from psdl.backbone import tokens

    file = _file(arch, weights)
    model = _read(file)
    return Offered(tuple(_taps(model, file)), tokens.patch_size(model))


def network(arch: str, taps: tuple[str, ...], weights: str | None = None) -> Network:
    """The network `arch` with its graph cut to `taps` (in any order).

    arch: a name of the zoo, a timm name, or a path ending in .onnx. weights: a file for networks that are
    exported. Raises PsdlError on unknown names and taps, and when weights are not to be had.
    """
    if arch in ZOO:
        check_taps(arch, taps, tuple(ZOO[arch].taps))
    return cut(_file(arch, weights), arch, taps, ZOO[arch].licence if arch in ZOO else "")


def _file(arch: str, weights: str | None) -> Path:
    """The graph file of a network with all its taps, exported now if need be."""
    if arch.endswith(".onnx"):
        return Path(arch)
    if arch in ZOO and ZOO[arch].timm is None:
        if weights:
            raise PsdlError(f"{arch} comes with its weights, so `weights` {weights} has no use: leave it out")
        return PACKAGED / f"{arch}.onnx"
    from psdl.backbone.export import exported

    return exported(arch, weights)


def cut(path: Path, name: str, taps: tuple[str, ...], licence: str = "") -> Network:
    """The graph file `path` as a Network that computes no more than `taps`; tokens become maps."""
    from psdl.backbone import tokens

    model = _read(path)
    tokens.to_maps(model)
    known = _taps(model, path)
    check_taps(name, taps, tuple(known))
    ordered = tuple(t for t in known if t in taps)
    card: dict[str, Any] = next((json.loads(p.value) for p in model.metadata_props if p.key == "psdl"), {})
    weights = card.get("weights_sha256") or hashlib.sha256(path.read_bytes()).hexdigest()
    graph = _ending(model, ordered)
    mean, std = card.get("mean", IMAGENET["mean"]), card.get("std", IMAGENET["std"])
    return Network(
        name=name if not name.endswith(".onnx") else path.name,
        graph=graph,
        taps=ordered,
        channels=tuple(known[t] for t in ordered),
        mean=(mean[0], mean[1], mean[2]),
        std=(std[0], std[1], std[2]),
        graph_sha256=hashlib.sha256(graph).hexdigest(),
        weights_sha256=weights,
        licence=licence or str(card.get("licence", "")),
    )


def with_cuts(network: Network, depths: Iterable[int]) -> Network:
    """The network with graphs that end at its first taps, for passes that need no more than so many."""
    import onnx

    model = onnx.load_from_string(network.graph)
    cuts = {depth: _ending(model, network.taps[:depth]) for depth in depths if depth < len(network.taps)}
    return replace(network, cuts=cuts)


def _ending(model: Any, taps: Sequence[str]) -> bytes:
    """The graph of a model that computes no more than `taps`."""
    from onnx.utils import Extractor

    found = Extractor(model).extract_model([model.graph.input[0].name], list(taps))
    found.ir_version = model.ir_version
    return bytes(found.SerializeToString(deterministic=True))


def _read(path: Path) -> Any:
    """The graph file, checked, as an onnx.ModelProto."""
    import onnx

    if not path.is_file():
        raise PsdlError(f"no graph file {path}: give an .onnx file or a name such as {', '.join(ZOO)}")
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf's and onnx's errors share no class
        line = " ".join(str(error).split())[:200]
        raise PsdlError(f"{path} is not an ONNX graph that can be read ({line}): export it again") from None
    return model


def check_taps(name: str, taps: tuple[str, ...], known: tuple[str, ...]) -> None:
    """Raises PsdlError that lists the known taps, nearest first."""
    for tap in taps:
        if tap not in known:
            raise plugins.unknown(f"layer of {name}", tap, known)


def _taps(model: Any, path: Path) -> dict[str, int]:
    """The outputs that are maps (n,C,h,w) or tokens (n,T,C) of a known C, with their C. Raises PsdlError if there
    are none."""
    shapes = {o.name: o.type.tensor_type.shape.dim for o in model.graph.output}
    known = {name: int(s[1 if len(s) == 4 else 2].dim_value) for name, s in shapes.items() if len(s) in (3, 4)}
    if not any(known.values()):
        raise PsdlError(
            f"{path} has no output (n,C,h,w) or (n,T,C) whose channels C are known: export it with its layers as"
            " outputs"
        )
    return {name: channels for name, channels in known.items() if channels > 0}
