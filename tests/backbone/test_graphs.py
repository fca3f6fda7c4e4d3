"""The packaged graph against outputs that timm's network left here, cutting, and graphs of one's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from psdl import PsdlError
from psdl.backbone.graphs import PACKAGED, graphs, network
from psdl.backbone.session import Session, resolve_device
from psdl.backbone.zoo import ZOO

TAPS = ("layer1", "layer2", "layer3", "layer4")


def inputs(size=(64, 96), n=1, seed=0):
    return np.random.default_rng(seed).normal(0, 0.5, (n, 3, *size)).astype(np.float32)


@pytest.mark.parametrize("name", ["lite0", "lite2"])
def test_the_packaged_graphs_give_what_timms_networks_gave(name):
    """tests/backbone/test_export.py wrote the files, from timm's own networks and the same checkpoints."""
    kept = np.load(Path(__file__).with_name(f"{name}_outputs.npz"))
    taps = tuple(ZOO[f"efficientnet_{name}"].taps)
    maps = Session(network(f"efficientnet_{name}", taps)).maps(kept["image"])
    assert tuple(maps) == taps
    for tap in taps:
        np.testing.assert_allclose(maps[tap], kept[tap], atol=1e-3)


def test_a_pair_computes_what_each_of_its_networks_does():
    """Also where a pass wants layers of both, and in whatever order they are asked for."""
    pair = network("efficientnet_lite0+lite2", ("lite2_layer3", "layer4", "layer2"))
    assert [*graphs(pair)] == [("layer2", "layer4"), ("lite2_layer3",)]
    assert (pair.taps, pair.channels) == (("layer2", "layer4", "lite2_layer3"), (40, 320, 120))
    maps, x = Session(pair).maps(inputs()), inputs()
    assert tuple(maps) == pair.taps
    np.testing.assert_array_equal(maps["layer2"], Session(network("efficientnet_lite0", TAPS)).maps(x)["layer2"])
    alone = Session(network("efficientnet_lite2", ("layer3",))).maps(x)
    np.testing.assert_array_equal(maps["lite2_layer3"], alone["layer3"])
    assert [*Session(pair).maps(x, ("lite2_layer3",))] == ["lite2_layer3"]


def test_a_pair_of_which_one_network_is_wanted_is_that_network():
    one = network("efficientnet_lite0+lite2", ("layer2", "layer3"))
    assert one.graph == network("efficientnet_lite0", ("layer2", "layer3")).graph
    assert not one.cuts
    with pytest.raises(PsdlError, match=r"comes with its weights, so `weights` w\.pth has no use"):
        network("efficientnet_lite0+lite2", ("layer2",), "w.pth")


def test_channels_strides_and_hashes():
    net = network("efficientnet_lite0", TAPS)
    assert net.taps == TAPS
    assert net.channels == (24, 40, 112, 320)
    assert (net.mean, net.std) == ((127.0,) * 3, (128.0,) * 3)
    assert net.weights_sha256.startswith("57934424")
    maps = Session(net).maps(inputs((256, 250)))
    assert [maps[tap].shape[2:] for tap in TAPS] == [(64, 63), (32, 32), (16, 16), (8, 8)]


def test_a_cut_graph_gives_the_same_bits_and_is_smaller():
    whole, cut = network("efficientnet_lite0", TAPS), network("efficientnet_lite0", ("layer3", "layer1"))
    assert len(cut.graph) < 0.3 * len(whole.graph)
    assert cut.taps == ("layer1", "layer3")
    x = inputs()
    np.testing.assert_array_equal(Session(cut).maps(x)["layer3"], Session(whole).maps(x)["layer3"])


def test_an_image_gives_the_same_bits_alone_in_a_batch_and_on_two_threads():
    net = network("efficientnet_lite0", ("layer3",))
    x = inputs(n=5)
    whole = Session(net, threads=2).maps(x)["layer3"]
    for n in range(5):
        np.testing.assert_array_equal(Session(net).maps(x[n : n + 1])["layer3"][0], whole[n])


def test_a_graph_of_ones_own(tmp_path):
    graph = onnx.load(PACKAGED / "efficientnet_lite0.onnx")
    del graph.metadata_props[:]
    onnx.save(graph, tmp_path / "mine.onnx")
    net = network(str(tmp_path / "mine.onnx"), ("layer2",))
    assert (net.name, net.channels) == ("mine.onnx", (40,))
    assert net.mean == pytest.approx((123.675, 116.28, 103.53))
    assert Session(net).maps(inputs())["layer2"].shape == (1, 40, 8, 12)


def test_what_cannot_be_had_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PSDL_CACHE", str(tmp_path))
    (tmp_path / "text.onnx").write_text("no graph")
    cases = [
        (
            "efficientnet_lite0",
            "layer9",
            None,
            "unknown layer of efficientnet_lite0 'layer9': choose one of layer",
        ),
        ("efficientnet_lite0", "layer3", "w.pth", "comes with its weights"),
        ("resnet18", "layer7", None, "unknown layer of resnet18 'layer7'"),
        (str(tmp_path / "none.onnx"), "layer3", None, "no graph file"),
        (str(tmp_path / "text.onnx"), "layer3", None, "not an ONNX graph"),
        ("resnet18", "layer3", str(tmp_path / "w.pth"), "no weights file"),
    ]
    for arch, tap, weights, words in cases:
        with pytest.raises(PsdlError) as error:
            network(arch, (tap,), weights)
        assert words in str(error.value)


def test_an_exported_backbone_without_the_extra_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PSDL_CACHE", str(tmp_path))
    monkeypatch.setitem(__import__("sys").modules, "timm", None)
    with pytest.raises(PsdlError, match=r"needs the extra \[torch\].*pip install 'psdl\[torch\]'"):
        network("resnet18", ("layer3",))


def test_cuda_is_not_promised_where_there_is_none():
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("CUDA is here")
    assert resolve_device("auto") == "cpu"
    with pytest.raises(PsdlError, match="no CUDA provider"):
        resolve_device("cuda")
    with pytest.raises(PsdlError, match="unknown device 'gpu': choose one of"):
        resolve_device("gpu")


def test_the_zoo_names_the_papers_networks():
    assert {"resnet18", "wide_resnet50_2", "efficientnet_b5", "efficientnet_b6", "efficientnet_b7"} < set(ZOO)
    assert all(tuple(entry.taps)[:3] == TAPS[:3] for entry in ZOO.values())


def hostile(kind: str) -> onnx.ModelProto:
    """The packaged graph with something that reaches beyond computing."""
    from onnx import TensorProto, helper, numpy_helper

    graph = onnx.load(PACKAGED / "efficientnet_lite0.onnx")
    if kind == "external":
        tensor = TensorProto(
            name="leak", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL
        )
        tensor.external_data.add(key="location", value="/etc/passwd")
        graph.graph.initializer.append(tensor)
    elif kind in ("Loop", "If"):
        name = graph.graph.output[0].name
        value = helper.make_tensor_value_info("x", TensorProto.FLOAT, None)
        inside = helper.make_graph([helper.make_node("Identity", [name], ["x"])], "inside", [], [value])
        given = {"body": inside} if kind == "Loop" else {"then_branch": inside, "else_branch": inside}
        graph.graph.initializer.append(numpy_helper.from_array(np.array(True), "go"))
        graph.graph.node.append(helper.make_node(kind, ["", "go"] if kind == "Loop" else ["go"], ["y"], **given))
    elif kind == "RandomNormal":
        graph.graph.node.append(helper.make_node("RandomNormal", [], ["y"], shape=[1]))
    else:
        graph.graph.node[0].domain, graph.graph.node[0].op_type = (
            ("com.microsoft", "Gelu") if kind == "custom" else ("", kind)
        )
    return graph


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("external", "reads another file (/etc/passwd)"),
        ("Loop", "control flow Loop"),
        ("If", "control flow If"),
        ("RandomNormal", "draws random numbers"),
        ("custom", "operator Gelu of the domain com.microsoft"),
        ("Execute", "unknown operator Execute"),
    ],
)
def test_a_graph_that_could_do_more_than_compute_is_refused_by_both_readers(kind, words, tmp_path):
    from dataclasses import replace

    graph = hostile(kind)
    (tmp_path / "mine.onnx").write_bytes(graph.SerializeToString())
    with pytest.raises(PsdlError) as error:
        network(str(tmp_path / "mine.onnx"), ("layer2",))
    assert words in str(error.value)
    with pytest.raises(PsdlError) as error:
        Session(replace(network("efficientnet_lite0", ("layer2",)), graph=graph.SerializeToString()))
    assert words in str(error.value)


def test_a_graph_that_is_none_or_lacks_its_layers_is_refused():
    from dataclasses import replace

    net = network("efficientnet_lite0", ("layer2",))
    for changed in ({"graph": b"junk" * 100}, {"graph": b""}, {"taps": ("layer9",)}, {"channels": (41,)}):
        with pytest.raises(PsdlError, match=r"fit (the|a new) model|cannot be run"):
            Session(replace(net, **changed))
