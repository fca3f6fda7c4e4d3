"""A backbone's name or file -> Network: finds the graph, cuts it to the deepest tap, checks hashes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from psdl import plugins
from psdl.backbone.zoo import ZOO
from psdl.errors import PsdlError
from psdl.types import Network

PACKAGED = Path(__file__).parent / "graphs"
IMAGENET = {"mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]}  # of 8-bit values


def network(arch: str, taps: tuple[str, ...], weights: str | None = None) -> Network:
    """The network `arch` with its graph cut to `taps` (in any order).

    arch: a name of the zoo, a timm name, or a path ending in .onnx. weights: a file for networks that are
    exported. Raises PsdlError on unknown names and taps, and when weights are not to be had.
    """
    if arch.endswith(".onnx"):
        return cut(Path(arch), arch, taps)
    if arch in ZOO and ZOO[arch].timm is None:
        if weights:
            raise PsdlError(f"{arch} comes with its weights, so --weights {weights} has no use: leave it out")
        return cut(PACKAGED / f"{arch}.onnx", arch, taps, ZOO[arch].licence)
    if arch in ZOO:
        check_taps(arch, taps, tuple(ZOO[arch].taps))
    from psdl.backbone.export import exported

    return cut(exported(arch, weights), arch, taps, ZOO[arch].licence if arch in ZOO else "")


def cut(path: Path, name: str, taps: tuple[str, ...], licence: str = "") -> Network:
    """The graph file `path` as a Network that computes no more than `taps`."""
    import onnx
    from onnx.utils import Extractor

    if not path.is_file():
        raise PsdlError(f"no graph file {path}: give an .onnx file or a name such as {', '.join(ZOO)}")
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf's and onnx's errors share no class
        line = " ".join(str(error).split())[:200]
        raise PsdlError(f"{path} is not an ONNX graph that can be read ({line}): export it again") from None
    known = {o.name: _channels(o) for o in model.graph.output}
    known = {k: v for k, v in known.items() if v > 0}
    check_taps(name, taps, tuple(known))
    ordered = tuple(t for t in known if t in taps)
    card: dict[str, Any] = next((json.loads(p.value) for p in model.metadata_props if p.key == "psdl"), {})
    weights = card.get("weights_sha256") or hashlib.sha256(path.read_bytes()).hexdigest()
    cutter = Extractor(model).extract_model([model.graph.input[0].name], list(ordered))
    cutter.ir_version = model.ir_version
    graph = cutter.SerializeToString(deterministic=True)
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


def check_taps(name: str, taps: tuple[str, ...], known: tuple[str, ...]) -> None:
    """Raises PsdlError that lists the known taps, nearest first."""
    for tap in taps:
        if tap not in known:
            raise plugins.unknown(f"layer of {name}", tap, known)


def _channels(output: Any) -> int:
    shape = output.type.tensor_type.shape.dim
    return int(shape[1].dim_value) if len(shape) == 4 else 0
