"""Turns the patch tokens of a vision transformer into maps by adding nodes to its graph.

Tokens (n,T,C) begin with those that are no patches (class and register tokens). The last h * w tokens are the
patches in row-major order, where h and w are the sides of the input divided by the side of a patch. A map
(n,C,h,w) has one cell for each patch and one channel for each component of a token.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import helper, numpy_helper

from psdl.errors import PsdlError


def patch_size(model: Any) -> int | None:
    """Returns the side of a patch in pixels, or None if the graph (an onnx.ModelProto) has no outputs of tokens.

    It is the kernel size of the first square convolution whose stride equals its kernel. Raises PsdlError if the
    graph has outputs of tokens but no such convolution.
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
    """Changes every output (n,T,C) of the graph (an onnx.ModelProto), in place, to a map (n,C,h,w) of the same
    name.

    Raises PsdlError like `patch_size`.
    """
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
    """Returns whether a graph output has three dimensions, the last of which is known."""
    shape = output.type.tensor_type.shape.dim
    return len(shape) == 3 and shape[2].dim_value > 0


def _rename(graph: Any, old: str, new: str) -> None:
    """Renames a value of the graph wherever nodes read or write it."""
    for node in graph.node:
        node.input[:] = [new if name == old else name for name in node.input]
        node.output[:] = [new if name == old else name for name in node.output]


def _append(graph: Any, name: str, channels: int, patch: int) -> None:
    """Adds the nodes that compute the map `name` from the tokens `name`/tokens."""

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
