"""The demo: the whole job on real photographs."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from psdl.datasets.read import read
from psdl.workflows import demo
from tests import parts


def test_the_demo_finds_its_planted_defects(tmp_path):
    done = parts.psdl("demo", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    mean = json.loads((tmp_path / "metrics.json").read_text())["mean"]
    assert mean["image_auroc"] > 0.75
    assert mean["pixel_auroc"] > 0.85
    where = done.stdout.splitlines()[-1]
    assert where.startswith("look at ")
    with Image.open(where.removeprefix("look at ")) as picture:
        assert picture.width > 800


def test_planted_masks_are_exact_and_tiles_do_not_leak(tmp_path):
    demo.write(tmp_path)
    found = read(tmp_path)
    assert found.layout == "manifest"
    for sample in found.samples:
        if sample.mask:
            mask = np.asarray(Image.open(sample.mask))
            assert set(np.unique(mask)) == {0, 255}
            assert 200 < (mask > 0).sum() < 20000
    train = [s for s in found.samples if s.split == "train"]
    assert {s.label for s in train} == {0}
    assert len({(s.category, s.group) for s in train}) == 3 * demo.LEARNED
    for sample in train:
        x, y = (int(v) for v in sample.name.split("/")[-1].removesuffix(".png").split("_"))
        left, top = (int(v) for v in sample.group.split()[1:])
        assert left <= x <= left + demo.BLOCK - demo.TILE
        assert top <= y <= top + demo.BLOCK - demo.TILE


def test_without_scikit_image_the_demo_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "skimage", None)
    with pytest.raises(demo.PsdlError, match=r"pip install 'psdl\[demo\]'"):
        demo.write(tmp_path)
