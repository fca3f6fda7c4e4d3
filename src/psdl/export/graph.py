"""An ONNX graph under construction: nodes are added one after another."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

OPSET, IR = 17, 8


def _digest(tensor: Any) -> str:
    """Returns a short name for the content of a tensor, since weights of two networks may have the same names."""
    return hashlib.sha256(tensor.SerializeToString()).hexdigest()[:12]


class Graph:
    """The nodes and constants of a graph.

    Values are names (str). Numbers and arrays among the inputs of an operator become constants.
    """

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}
        self._count = 0

    def op(self, kind: str, *inputs: str | NDArray[Any] | float | int, out: str = "", **attributes: Any) -> str:
        """Adds an operator with one output and returns the name of that: `out` if it is given, else a new name.

        `kind` is the ONNX operator; `attributes` are its attributes.
        """
        names = [value if isinstance(value, str) else self.constant(value) for value in inputs]
        name = out or self._fresh(kind)
        self.nodes.append(helper.make_node(kind, names, [name], **attributes))
        return name

    def constant(self, value: Any) -> str:
        """Adds a constant and returns its name. Python floats become float32 and Python integers int64."""
        array = np.asarray(value)
        if type(value) is float:  # not np.float64, which is a subclass of float
            array = array.astype(np.float32)
        elif type(value) is int:
            array = array.astype(np.int64)
        name = self._fresh("constant")
        self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name)
        return name

    def highest(self, values: str, count: int) -> str:
        """Returns the `count` highest of values (n,), in descending order."""
        best, places = self._fresh("TopK"), self._fresh("places")
        self.nodes.append(helper.make_node("TopK", [values, self.constant(np.array([count]))], [best, places]))
        return best

    def places(self, values: str, count: int) -> str:
        """Returns the indices of the `count` highest of values (n,), int64."""
        best, places = self._fresh("TopK"), self._fresh("places")
        self.nodes.append(helper.make_node("TopK", [values, self.constant(np.array([count]))], [best, places]))
        return places

    def network(self, graph: bytes, inputs: str, taps: Sequence[str]) -> dict[str, str]:
        """Adds a copy of a network and returns the names of its outputs by tap.

        `graph` is the serialised network and `inputs` its input (n,3,H,W). Copies share weights that are equal.
        """
        inner = onnx.load_from_string(graph).graph
        prefix = self._fresh("network") + "/"
        kept = {one.name: f"weights/{one.name}/{_digest(one)}" for one in inner.initializer}
        for one in inner.initializer:
            if kept[one.name] not in self.constants:
                copy = onnx.TensorProto()
                copy.CopyFrom(one)
                copy.name = kept[one.name]
                self.constants[copy.name] = copy
        names = kept | {inner.input[0].name: inputs, "": ""}
        for node in inner.node:
            copy = onnx.NodeProto()
            copy.CopyFrom(node)
            copy.name = prefix + node.name
            copy.input[:] = [names[name] if name in names else prefix + name for name in node.input]
            copy.output[:] = [prefix + name for name in node.output]
            self.nodes.append(copy)
        return {tap: prefix + tap for tap in taps}

    def model(self, inputs: Sequence[Any], outputs: Sequence[Any], facts: dict[str, str]) -> Any:
        """Returns the graph as a checked onnx.ModelProto with `facts` as metadata."""
        body = helper.make_graph(self.nodes, "psdl", inputs, outputs, list(self.constants.values()))
        model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
        helper.set_model_props(model, facts)
        onnx.checker.check_model(model)
        return model

    def _fresh(self, kind: str) -> str:
        """Returns a name that is not used yet."""
        self._count += 1
        return f"{kind}_{self._count}"
