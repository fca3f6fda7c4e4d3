"""Turns the name or file of a backbone into a `Network`.

The graph is found or exported, checked for operations other than plain computation, and cut to the deepest tap
that is asked for.
"""

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
STANDARD = ("", "ai.onnx")  # names of ONNX's own operators
RANDOM = ("Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike")
_SOUND: set[bytes] = set()  # digests of graphs that passed the check in this process
IMAGENET = {"mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]}  # in 8-bit units


class Offered(NamedTuple):
    """What a backbone offers.

    `taps` are the names of its layers in the order of depth. `patch` is the side of a vision transformer's patches
    in pixels, or None for a convolutional network.
    """

    taps: tuple[str, ...]
    patch: int | None


def graphs(network: Network) -> dict[tuple[str, ...], bytes]:
    """Returns all graphs of a network by the taps that they compute."""
    return {network.graph_taps or network.taps: network.graph, **network.cuts}


def offered(arch: str, weights: str | None = None) -> Offered:
    """Returns the taps and the patch size of the network `arch`. Raises PsdlError like `network`."""
    if arch in ZOO:
        return Offered(tuple(ZOO[arch].taps), None)
    from psdl.backbone import tokens

    file = _file(arch, weights)
    model = _read(file)
    return Offered(tuple(_taps(model, file)), tokens.patch_size(model))


def network(arch: str, taps: tuple[str, ...], weights: str | None = None) -> Network:
    """Returns the network `arch` with its graph cut to `taps`, which may be given in any order.

    `arch` is a name of the zoo, a timm name, or a path that ends in .onnx. `weights` is a weights file for
    networks that are exported by timm. Raises PsdlError on unknown names and taps, on graphs that cannot be read
    or that could do more than compute (see `check_runnable`), and when no weights can be had.
    """
    if arch not in ZOO:
        return cut(_file(arch, weights), arch, taps)
    entry = ZOO[arch]
    _check_taps(arch, taps, tuple(entry.taps))
    if entry.members:
        _check_packaged(arch, weights)
        return _paired(arch, taps)
    return replace(cut(_file(arch, weights), arch, taps), licence=entry.licence)


def _paired(arch: str, taps: tuple[str, ...]) -> Network:
    """Returns the pair of packaged networks `arch` as one `Network`, with a graph for each of the two that `taps`
    need."""
    entry, found = ZOO[arch], {}
    for name, prefix in entry.members.items():
        named = {prefix + tap: tap for tap in ZOO[name].taps}
        own = tuple(named[tap] for tap in taps if tap in named)
        if own:
            found[prefix] = cut(PACKAGED / f"{name}.onnx", name, own)
    renamed = {prefix: tuple(prefix + tap for tap in one.taps) for prefix, one in found.items()}
    made = {renamed[prefix]: _prefixed(one.graph, prefix) for prefix, one in found.items()}
    (main, graph), *others = made.items()
    first, *_ = found.values()
    return replace(
        first,
        name=arch,
        graph=graph,
        taps=tuple(tap for some in renamed.values() for tap in some),
        channels=tuple(count for one in found.values() for count in one.channels),
        graph_sha256=hashlib.sha256(graph).hexdigest(),
        weights_sha256=_joined([one.weights_sha256 for one in found.values()]),
        licence=entry.licence,
        cuts=dict(others),
        graph_taps=main if others else (),
    )


def _prefixed(graph: bytes, prefix: str) -> bytes:
    """Returns a serialised ONNX graph with `prefix` before the names of its outputs."""
    import onnx

    if not prefix:
        return graph
    model = onnx.load_from_string(graph)
    only_outputs = {"rename_nodes": False, "rename_edges": False, "rename_inputs": False, "rename_outputs": True}
    rest = {"rename_initializers": False, "rename_value_infos": False, "rename_functions": False}
    renamed = onnx.compose.add_prefix(model, prefix, **only_outputs, **rest)
    return bytes(renamed.SerializeToString(deterministic=True))


def _joined(digests: Sequence[str]) -> str:
    """Returns one SHA-256 for those of several files; the only one if there is one."""
    return digests[0] if len(digests) == 1 else hashlib.sha256(" ".join(digests).encode()).hexdigest()


def _check_packaged(arch: str, weights: str | None) -> None:
    """Raises PsdlError if weights are given for a packaged network."""
    if weights:
        raise PsdlError(f"{arch} comes with its weights, so `weights` {weights} has no use: leave it out")


def _file(arch: str, weights: str | None) -> Path:
    """Returns the graph file of a network with all its taps; exports it first if necessary."""
    if arch.endswith(".onnx"):
        return Path(arch)
    if arch in ZOO and ZOO[arch].timm is None:
        _check_packaged(arch, weights)
        return PACKAGED / f"{arch}.onnx"
    from psdl.backbone.export import exported

    return exported(arch, weights)


def cut(path: Path, name: str, taps: tuple[str, ...]) -> Network:
    """Returns the graph file `path` as a `Network` that computes no more than `taps`. Outputs of tokens become
    maps.

    `name` is the network's name for messages and for the model file. Raises PsdlError if the file is missing, is
    no readable ONNX graph, could do more than compute, or lacks one of the taps.
    """
    from psdl.backbone import tokens

    model = _read(path)
    tokens.to_maps(model)
    known = _taps(model, path)
    _check_taps(name, taps, tuple(known))
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
        licence=str(card.get("licence", "")),
    )


def with_cuts(network: Network, passes: Iterable[tuple[str, ...]]) -> Network:
    """Returns the network with additional graphs for passes that need fewer taps than a graph computes.

    `passes` are the taps of each pass. A pass that a graph was made for, or that needs several graphs, gets none.
    """
    import onnx

    cuts = dict(network.cuts)
    for taps in passes:
        whole = next((graph for known, graph in graphs(network).items() if set(taps) < set(known)), None)
        if whole is not None and taps not in graphs(network):
            cuts[taps] = _ending(onnx.load_from_string(whole), taps)
    return replace(network, cuts=cuts)


def _ending(model: Any, taps: Sequence[str]) -> bytes:
    """Returns the serialised graph of an onnx.ModelProto that computes no more than `taps`."""
    from onnx.utils import Extractor

    found = Extractor(model).extract_model([model.graph.input[0].name], list(taps))
    found.ir_version = model.ir_version
    return bytes(found.SerializeToString(deterministic=True))


def check_runnable(graph: bytes, name: str) -> None:
    """Raises PsdlError if a serialised ONNX graph could do more than compute maps from an image.

    Refused are graphs that read other files, contain control flow or functions, draw random numbers, or use
    operators outside the ONNX standard. The check is meant for graphs of unknown origin, before ONNX Runtime loads
    them. Graphs that passed once are not checked again in this process. `name` is the network's name for the
    message.
    """
    digest = hashlib.sha256(graph).digest()
    if digest in _SOUND:
        return
    import onnx

    try:
        model = onnx.load_from_string(graph)
    except Exception as error:  # protobuf's and onnx's errors share no class
        line = " ".join(str(error).split())[:100]
        raise PsdlError(f"the graph of {name} is no ONNX graph ({line}): fit the model again") from None
    _check_sound(model, name)
    _SOUND.add(digest)


def _check_sound(model: Any, name: str) -> None:
    """Raises PsdlError if `_unsound` finds something in the model."""
    said = _unsound(model)
    if said:
        raise PsdlError(
            f"the graph of {name} {said}, which psdl runs from no file: export the network again as one file of"
            " plain operators"
        )


def _unsound(model: Any) -> str:
    """Describes what an onnx.ModelProto could do beyond plain computation; the text is empty if there is
    nothing."""
    from onnx import AttributeProto, TensorProto, defs

    nested = (AttributeProto.GRAPH, AttributeProto.GRAPHS)
    if model.functions:
        return f"has a function of its own ({model.functions[0].name[:40]})"
    versions = {found.domain: found.version for found in model.opset_import}
    tensors = [*model.graph.initializer]
    sparse = [*model.graph.sparse_initializer]
    for node in model.graph.node:
        if node.domain not in STANDARD:
            return f"has the operator {node.op_type[:40]} of the domain {node.domain[:40]}"
        if any(a.type in nested or a.HasField("g") or a.graphs for a in node.attribute):
            return f"has the control flow {node.op_type[:40]}"
        if node.op_type in RANDOM:
            return f"draws random numbers ({node.op_type})"
        if not defs.has(node.op_type, max((versions.get(n, 1) for n in STANDARD), default=1), ""):
            return f"has the unknown operator {node.op_type[:40]}"
        for a in node.attribute:
            tensors += [a.t, *a.tensors]
            sparse += [a.sparse_tensor, *a.sparse_tensors]
    tensors += [tensor for one in sparse for tensor in (one.values, one.indices)]
    outside = (t for t in tensors if t.data_location == TensorProto.EXTERNAL or t.external_data)
    found = next(outside, None)
    if found is not None:
        where = next((entry.value for entry in found.external_data if entry.key == "location"), "")
        return f"reads another file ({where[:80]})"
    return ""


def _read(path: Path) -> Any:
    """Returns the checked onnx.ModelProto of a graph file."""
    import onnx

    if not path.is_file():
        raise PsdlError(f"no graph file {path}: give an .onnx file or a name such as {', '.join(ZOO)}")
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:  # protobuf's and onnx's errors share no class
        raise _unread(path, error) from None
    _check_sound(model, str(path))
    try:
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf's and onnx's errors share no class
        raise _unread(path, error) from None
    return model


def _unread(path: Path, error: Exception) -> PsdlError:
    line = " ".join(str(error).split())[:200]
    return PsdlError(f"{path} is not an ONNX graph that can be read ({line}): export it again")


def _check_taps(name: str, taps: tuple[str, ...], known: tuple[str, ...]) -> None:
    """Raises PsdlError that lists the known taps, nearest first, if one of `taps` is not among them."""
    for tap in taps:
        if tap not in known:
            raise plugins.unknown(f"layer of {name}", tap, known)


def _taps(model: Any, path: Path) -> dict[str, int]:
    """Returns {output: C} of the outputs that are maps (n,C,h,w) or tokens (n,T,C) with a known C.

    Raises PsdlError if there are none.
    """
    shapes = {o.name: o.type.tensor_type.shape.dim for o in model.graph.output}
    known = {name: int(s[1 if len(s) == 4 else 2].dim_value) for name, s in shapes.items() if len(s) in (3, 4)}
    if not any(known.values()):
        raise PsdlError(
            f"{path} has no output (n,C,h,w) or (n,T,C) whose channels C are known: export it with its layers as"
            " outputs"
        )
    return {name: channels for name, channels in known.items() if channels > 0}
