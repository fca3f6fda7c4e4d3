"""Exports a timm network to a cached ONNX graph whose outputs are its taps.

This is the only module that needs the extra [torch].
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from pathlib import Path
from typing import Any

from psdl._util import plugins
from psdl._util.atomic import atomic_write
from psdl.backbone import transformer
from psdl.backbone.zoo import ZOO
from psdl.errors import PsdlError


def exported(arch: str, weights: str | None) -> Path:
    """Returns the path of the cached ONNX graph of `arch` with all its taps; exports it first if it is not cached.

    `arch` is a name of the zoo or of timm. `weights` is a .safetensors, .pth or .pt file with the parameter names
    of timm or torchvision; None downloads timm's weights. Raises PsdlError if the weights file is missing or does
    not fit the network, if torch and timm are not installed, if the network is unknown or has no stages, and if
    the download fails.
    """
    key = _digest(Path(weights)) if weights else "pretrained"
    target = cache() / f"{arch.replace('/', '_')}-{key[:16]}.onnx"
    if not target.is_file():
        _export(arch, weights, target)
    return target


def cache() -> Path:
    """Returns the folder of exported graphs: $PSDL_CACHE, or psdl below $XDG_CACHE_HOME or ~/.cache."""
    if os.environ.get("PSDL_CACHE"):
        return Path(os.environ["PSDL_CACHE"])
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "psdl"


def _digest(path: Path) -> str:
    """Returns the SHA-256 of a weights file in hexadecimal; raises PsdlError if there is no such file."""
    if not path.is_file():
        raise PsdlError(f"no weights file {path}: give a .safetensors or .pth file")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _export(arch: str, weights: str | None, target: Path) -> None:
    """Exports `arch` to the file `target`, with its normalisation, licence and weights digest as metadata."""
    try:
        import timm
        import torch
    except ImportError:
        raise PsdlError(
            f"the backbone {arch} needs the extra [torch] to be exported once: pip install 'psdl[torch]',"
            " or use `arch` efficientnet_lite0, or give an .onnx file"
        ) from None
    model, modules = build(arch, weights)
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode() + tensor.cpu().numpy().tobytes())
    settings = timm.data.resolve_model_data_config(model)
    card = {
        "name": arch,
        "mean": [255.0 * v for v in settings["mean"]],
        "std": [255.0 * v for v in settings["std"]],
        "weights_sha256": digest.hexdigest(),
        "licence": ZOO[arch].licence if arch in ZOO else str(model.pretrained_cfg.get("license") or ""),
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(target) as temporary:
        _write_graph(torch, model, modules, card, temporary)


def build(arch: str, weights: str | None) -> tuple[Any, dict[str, str]]:
    """Returns the timm model in evaluation mode with its weights loaded, and a mapping from tap to timm module
    name.

    `arch` and `weights` are those of `exported`, which also lists the errors.
    """
    import timm

    entry = ZOO.get(arch)
    name = (entry.timm if entry else None) or arch
    if not timm.is_model(name.split(".")[0]):
        raise plugins.unknown("backbone", arch, tuple(ZOO))
    kind = {"dynamic_img_size": True} if transformer.is_transformer(name) else {}
    if weights:
        model = timm.create_model(name, pretrained=False, **kind)
        _load_weights(model, weights)
    else:
        try:
            model = timm.create_model(name, pretrained=True, **kind)
        except Exception as error:  # download errors of several libraries
            reason = " ".join(str(error).split())[:160]
            raise PsdlError(
                f"no weights for {arch}: timm's download failed ({reason}); connect to a network, or give"
                " `weights` FILE (.safetensors or .pth with timm's or torchvision's names), or use"
                " `arch` efficientnet_lite0, whose weights are inside psdl"
            ) from None
    if kind:
        return model.eval(), transformer.blocks(model)
    return model.eval(), dict(entry.taps) if entry else _feature_modules(name)


def _feature_modules(name: str) -> dict[str, str]:
    """Returns {layer1, layer2, ...: module name} of a convolutional timm network, one tap for each stage."""
    import timm

    try:
        info = timm.create_model(name, pretrained=False, features_only=True).feature_info
    except Exception:  # timm raises several classes for networks without stages
        raise PsdlError(f"{name} has no activation maps by stage: choose a convolutional network") from None
    return {f"layer{i}": module for i, module in enumerate(info.module_name(), 1)}


def _load_weights(model: Any, path: str) -> None:
    """Loads a weights file into a timm model.

    Parameters are matched by timm's names. If a name is missing, they are matched by order, provided that all
    shapes agree. Raises PsdlError if neither fits.
    """
    state = _read_weights(path)
    own = {k: v for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")}
    given = {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}
    if not set(own) <= set(given):
        same = len(own) == len(given) and all(
            a.shape == b.shape for a, b in zip(own.values(), given.values(), strict=True)
        )
        if not same:
            missing = next(k for k in own if k not in given)
            raise PsdlError(f"{path} does not fit the network: no weights for {missing}; give its own weights")
        given = dict(zip(own, given.values(), strict=True))
    for key, value in own.items():
        if given[key].shape != value.shape:
            raise PsdlError(
                f"{path} does not fit the network: {key} has shape {tuple(given[key].shape)},"
                f" expected {tuple(value.shape)}; give the network's own weights"
            )
    model.load_state_dict({k: given[k] for k in own}, strict=False)


def _read_weights(path: str) -> dict[str, Any]:
    """Returns the parameters of a weights file by name. PyTorch files are read with `weights_only`."""
    if path.endswith(".safetensors"):
        from safetensors.torch import load_file

        return dict(load_file(path))
    import torch

    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # pickle, zip and torch errors
        reason = " ".join(str(error).split())[:120]
        raise PsdlError(f"{path} is not a file of plain weights ({reason}): give safetensors or a .pth") from None
    state = state.get("state_dict", state) if isinstance(state, dict) else state
    return dict(state)


def _write_graph(torch: Any, model: Any, modules: dict[str, str], card: dict[str, Any], path: Path) -> None:
    """Writes the graph from the input `image` to the taps, which are maps or tokens.

    The batch size, height and width are dynamic. `modules` maps each tap to its module name; `card` is stored as
    JSON in the graph's metadata.
    """
    import onnx

    class Taps(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, image: Any) -> tuple[Any, ...]:
            found: dict[str, Any] = {}
            hooks = [
                model.get_submodule(m).register_forward_hook(
                    lambda _m, _i, out, tap=tap: found.__setitem__(tap, out)
                )
                for tap, m in modules.items()
            ]
            forward = getattr(model, "forward_features", model)
            forward(image)
            for hook in hooks:
                hook.remove()
            return tuple(found[tap] for tap in modules)

    with torch.no_grad():
        found = Taps().eval()(torch.zeros(1, 3, 224, 224))
    axes: dict[str, Any] = {"image": {0: "n", 2: "height", 3: "width"}}
    for tap, one in zip(modules, found, strict=True):
        axes[tap] = {0: "n", 1: "tokens"} if one.ndim == 3 else {0: "n", 2: f"{tap}_height", 3: f"{tap}_width"}
    with warnings.catch_warnings(), torch.no_grad(), transformer.traced():
        warnings.simplefilter("ignore")  # the exporter announces its successor, which is far slower here
        torch.onnx.export(
            Taps().eval(),
            (torch.zeros(1, 3, 224, 224),),
            str(path),
            input_names=["image"],
            output_names=list(modules),
            dynamic_axes=axes,
            opset_version=17,
            dynamo=False,
        )
    graph = onnx.load(path)
    for output, one in zip(graph.graph.output, found, strict=True):
        axis = 2 if one.ndim == 3 else 1
        output.type.tensor_type.shape.dim[axis].dim_value = int(one.shape[axis])
    onnx.helper.set_model_props(graph, {"psdl": json.dumps(card, sort_keys=True)})
    onnx.save(graph, path)
