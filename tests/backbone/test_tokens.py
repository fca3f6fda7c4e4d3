"""Vision transformers: their patch tokens become maps, and the recipes work on them unchanged."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import psdl
from psdl import Detector, PsdlError
from psdl.backbone.graphs import network, offered
from psdl.backbone.session import Session
from tests import parts

PATCH, WIDTH = 14, 24


def transformer(path, blocks=("early", "late"), prefix=5, embedding="Conv"):
    """A graph file in the shape of a vision transformer: patches, `prefix` tokens before them, blocks that mix
    each token's channels; weights are drawn by seed."""
    rng = np.random.default_rng(0)
    weights, nodes = {}, []

    def drawn(name, *shape):
        weights[name] = rng.normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape).astype(np.float32)
        return name

    def node(kind, inputs, out, **attributes):
        nodes.append(helper.make_node(kind, inputs, [out], **attributes))
        return out

    kernel = {"strides": [PATCH, PATCH]} if embedding == "Conv" else {"strides": [7, 7]}
    cells = node("Conv", ["image", drawn("embedding", WIDTH, 3, PATCH, PATCH)], "cells", **kernel)
    weights["flat"] = np.array([0, WIDTH, -1])
    flat = node("Reshape", [cells, "flat"], "flattened")
    patches = node("Transpose", [flat], "patches", perm=[0, 2, 1])
    weights |= {"first": np.array([0]), "shape": np.array([prefix, WIDTH])}
    images = node("Gather", [node("Shape", ["image"], "sizes"), "first"], "images")
    many = node("Concat", [images, "shape"], "many", axis=0)
    state = node(
        "Concat", [node("Expand", [drawn("class", 1, prefix, WIDTH), many], "classes"), patches], "x", axis=1
    )
    for name in blocks:
        hidden = node("MatMul", [state, drawn(f"{name}/in", WIDTH, 2 * WIDTH)], f"{name}/hidden")
        back = node(
            "MatMul",
            [node("Relu", [hidden], f"{name}/active"), drawn(f"{name}/out", 2 * WIDTH, WIDTH)],
            f"{name}/back",
        )
        state = node("Add", [state, back], name)
    inputs = [helper.make_tensor_value_info("image", 1, ["n", 3, "height", "width"])]
    outputs = [helper.make_tensor_value_info(name, 1, ["n", None, WIDTH]) for name in blocks]
    constants = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "transformer", inputs, outputs, constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return str(path)


def test_tokens_become_maps_in_the_order_of_the_patches(tmp_path):
    import onnxruntime

    file = transformer(tmp_path / "vit.onnx")
    net = network(file, ("early", "late"))
    assert (net.taps, net.channels) == (("early", "late"), (WIDTH, WIDTH))
    x = np.random.default_rng(1).normal(size=(2, 3, 70, 98 + 5)).astype(np.float32)
    maps = Session(net).maps(x)
    raw = dict(zip(net.taps, onnxruntime.InferenceSession(file).run(list(net.taps), {"image": x}), strict=True))
    for tap in net.taps:
        assert maps[tap].shape == (2, WIDTH, 5, 7)
        assert raw[tap].shape == (2, 5 + 35, WIDTH)
        np.testing.assert_array_equal(maps[tap].reshape(2, WIDTH, 35), raw[tap][:, 5:].transpose(0, 2, 1))


@pytest.mark.parametrize("blocks", [("tokens",), ("early", "late"), tuple(f"block{n}" for n in range(12))])
def test_layers_are_quarters_of_a_backbones_depth(tmp_path, blocks):
    found = offered(transformer(tmp_path / "vit.onnx", blocks))
    assert found == (blocks, PATCH)
    recipe = psdl.model.recipes.on_backbone(psdl.recipe(), *found)
    quarters = [blocks[-(-n * len(blocks) // 4) - 1] for n in (1, 2, 3, 4)]
    assert [part.taps for part in recipe.parts] == [
        tuple(dict.fromkeys(quarters[1:3])),
        tuple(dict.fromkeys(quarters[1:3])),
        (quarters[3],),
    ]
    assert psdl.model.recipes.on_backbone(psdl.recipe("padim"), *found).parts[0].grid == quarters[1]
    assert recipe.multiple == PATCH


@pytest.mark.parametrize("name", ["default", "fast", "padim", "patchcore"])
def test_recipes_work_unchanged_on_a_transformer(tmp_path, mvtec, name):
    file = transformer(tmp_path / "vit.onnx", ("a", "b", "c", "d"))
    detector = Detector(psdl.recipe(name, arch=file)).fit(mvtec / "bolt/train/good")
    paths = [mvtec / f"bolt/test/{kind}/00{n}.png" for kind in ("good", "blot") for n in range(4)]
    scores = [result.score for result in detector.score(paths)]
    assert min(scores[4:]) > max(scores[:4])
    detector.save(tmp_path / "m.psdl")
    assert Detector.load(tmp_path / "m.psdl").score(paths[0]).score == scores[0]


def test_the_command_line_takes_a_transformer_and_names_its_layers(tmp_path, mvtec):
    file = transformer(tmp_path / "vit.onnx", ("a", "b", "c", "d"))
    good = mvtec / "bolt/train/good"
    done = parts.psdl("fit", good, "--model", tmp_path / "m.psdl", "--arch", file, "--method", "fast")
    assert done.returncode == 0, done.stderr
    card = json.loads(parts.psdl("inspect", tmp_path / "m.psdl", "--json").stdout)
    assert [part["taps"] for part in card["recipe"]["parts"]] == [["b", "c"]]
    parts.refused(
        parts.psdl("fit", good, "--model", tmp_path / "n.psdl", "--arch", file, "--layer", "e"),
        "unknown layer of",
        "'e': choose one of a, b, c, d",
    )
    parts.refused(
        parts.psdl("fit", good, "--model", tmp_path / "n.psdl", "--arch", file, "--tile", "256"),
        "--tile needs a convolutional network",
    )


def test_a_graph_without_layers_is_refused(tmp_path):
    file = transformer(tmp_path / "vit.onnx", ("only",))
    model = onnx.load(file)
    model.graph.output[0].type.tensor_type.shape.dim[2].Clear()
    onnx.save(model, file)
    with pytest.raises(PsdlError, match="has no output"):
        Detector(psdl.recipe("fast", arch=file)).fit([np.zeros((64, 64, 3), np.uint8)] * 4)


def test_tokens_without_patches_are_refused(tmp_path):
    file = transformer(tmp_path / "vit.onnx", embedding="overlapping")
    with pytest.raises(PsdlError, match="no square convolution whose stride is its kernel"):
        network(file, ("late",))
