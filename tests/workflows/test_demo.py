"""The demo: the whole job on two parts that it draws."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from PIL import Image

from psdl.datasets.read import read
from psdl.workflows import demo
from tests import parts


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo") / "demo"
    done = parts.psdl("demo", "--out", out)
    assert done.returncode == 0, done.stderr
    return out, done


def test_the_demo_finds_its_planted_defects(shown):
    out, done = shown
    for name, row in json.loads((out / "metrics.json").read_text())["categories"].items():
        assert row["image_auroc"] > 0.98, name
        assert row["pixel_auroc"] > 0.95, name
        assert row["rejected_good"] <= 0.1, name
        assert row["rejected_defective"] + row["review_defective"] == 1, name
    *_, best, last = done.stdout.splitlines()
    assert last == f"look at {out / 'report.html'}"
    with Image.open(best.removeprefix("the best found defect: ")) as picture:
        assert picture.width > 800


@pytest.mark.slow
def test_the_demo_runs_again_into_the_same_folder(shown):
    out, _ = shown
    assert (out / ".psdl-results").exists()
    before = (out / "images.csv").read_bytes()
    done = parts.psdl("demo", "--out", out, "--quiet")
    assert done.returncode == 0, done.stderr
    assert (out / "images.csv").read_bytes() == before


@pytest.mark.slow
def test_planted_masks_are_where_pictures_differ_and_every_picture_is_of_another_part(tmp_path):
    assert demo.write(tmp_path) == demo.COUNT
    found = read(tmp_path)
    assert found.layout == "manifest"
    for sample in found.samples:
        if sample.mask:
            mask = np.asarray(Image.open(sample.mask))
            assert set(np.unique(mask)) == {0, 255}
            assert 60 < (mask > 0).sum() < 6000
    train = [s for s in found.samples if s.split == "train"]
    assert {s.label for s in train} == {0}
    assert len({s.group for s in found.samples}) == demo.COUNT


def test_the_demo_needs_nothing_that_only_tests_need():
    """What is imported from outside by the whole demo comes with `pip install psdl`."""
    program = """
import sys
from psdl.workflows import demo
import psdl.cli.demo, psdl.cli.run, psdl.report.drawn, psdl.training.train
print(*sorted({name.split(".")[0] for name in sys.modules}))
"""
    import subprocess

    names = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"skimage", "sklearn", "cv2", "moto", "distributed", "fastapi", "playwright"} & set(names)
