"""A vision transformer's patch tokens -> maps, by nodes put into its graph: one grid, tokens as channels.

Tokens (n,T,C) begin with those that are no patches (class, registers); the last h * w are the patches in row-major
order, h and w being the input's sides divided by the patch's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import helper, numpy_helper

from psdl.errors import PsdlError


def patch_size(model: Any) -> int | None:
    """The side in pixels of a patch, if the graph (an onnx.ModelProto) has outputs of tokens; None: it has none.

    It is that of the first convolution whose stride is its kernel. Raises PsdlError where there is no such one.
    """
    if not any(map(_is_tokens, model.graph.output)):
        return None
    weights = {one.name: one.dims for one in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Conv":
            known = {one.name: list(one.ints) for one in node.attribute}
            kernel = known.get("kernel_shape") or list(weights.get(node.input[1], ()))[2:]
            strides = known.get("strides", [1, 1])
            if kernel == strides and len(kernel) == 2 and kernel[0] == kernel[1] > 1:
                return int(kernel[0])
    raise PsdlError(
        "the graph has outputs (n,T,C) of tokens but no square convolution whose stride is its kernel, which would"
        " tell their patches: let its outputs be maps (n,C,h,w)"
    )


def to_maps(model: Any) -> None:
    """Makes every output (n,T,C) of the graph a map (n,C,h,w) of the same name, in place."""
    patch = patch_size(model)
    if patch is None:
        return
    graph = model.graph
    for output in graph.output:
        if _is_tokens(output):
            name, channels = output.name, output.type.tensor_type.shape.dim[2].dim_value
            _rename(graph, name, f"{name}/tokens")
            _append(graph, name, channels, patch)
            output.CopyFrom(helper.make_tensor_value_info(name, 1, ["n", channels, f"{name}_h", f"{name}_w"]))


def _is_tokens(output: Any) -> bool:
    shape = output.type.tensor_type.shape.dim
    return len(shape) == 3 and shape[2].dim_value > 0


def _rename(graph: Any, old: str, new: str) -> None:
    for node in graph.node:
        node.input[:] = [new if name == old else name for name in node.input]
        node.output[:] = [new if name == old else name for name in node.output]


def _append(graph: Any, name: str, channels: int, patch: int) -> None:
    """The nodes from NAME/tokens to the map NAME."""

    def constant(label: str, *values: int) -> str:
        full = f"{name}/{label}"
        graph.initializer.append(numpy_helper.from_array(np.array(values, np.int64), full))
        return full

    def node(kind: str, *inputs: str, out: str, **attributes: Any) -> str:
        full = f"{name}/{out}" if out else name
        graph.node.append(helper.make_node(kind, inputs, [full], name=f"{full}/{kind}", **attributes))
        return full

    def sizes(of: str, label: str, *axes: int) -> str:
        """The lengths of these axes."""
        return node("Gather", node("Shape", of, out=f"{label}/all"), constant(f"{label}/axes", *axes), out=label)

    tokens = f"{name}/tokens"
    grid = node("Div", sizes(graph.input[0].name, "sides", 2, 3), constant("patch", patch), out="grid")
    total = sizes(tokens, "total", 1)
    first = node("Sub", total, node("ReduceProd", grid, keepdims=1, out="count"), out="first")
    patches = node("Slice", tokens, first, total, constant("axis", 1), out="patches")
    turned = node("Transpose", patches, perm=[0, 2, 1], out="turned")
    shape = node("Concat", sizes(tokens, "images", 0), constant("channels", channels), grid, axis=0, out="shape")
    node("Reshape", turned, shape, out="")
