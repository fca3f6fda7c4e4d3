"""What an input rule cuts away of images is said, and drawn pale."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from psdl import Detector, Sample
from psdl.report import thumbs
from tests import parts


def edged(root, name: str):
    """Parts whose defects lie at the border, below a folder called `name`."""
    rng = np.random.default_rng(0)
    for n in range(12):
        parts.save(parts.good(rng), root / name / f"train/good/{n}.png")
    for n in range(4):
        parts.save(parts.good(rng), root / name / f"test/good/{n}.png")
        pixels = parts.good(rng)
        pixels[20:70, :12] = rng.integers(180, 255, (50, 12, 3))
        parts.save(pixels, root / name / f"test/edge/{n}.png")
    return root


@pytest.mark.slow
def test_defects_at_the_border_are_found_whatever_the_folder_is_called(tmp_path):
    found = []
    for name in ("screw", "mine"):
        data = edged(tmp_path / f"{name}s", name)
        done = parts.psdl("run", data, "--recipe", "fast", "--out", tmp_path / name)
        assert done.returncode == 0, done.stderr
        assert "cuts away" not in done.stdout
        found.append(json.loads((tmp_path / name / "metrics.json").read_text())["categories"][name])
    assert found[0] == found[1]
    assert found[0]["rejected_defective"] == 1


@pytest.fixture(scope="module")
def cut(tmp_path_factory):
    """A data set and a model that sees only the middle of its images; what `fit` said."""
    folder = tmp_path_factory.mktemp("cut")
    data = edged(folder / "data", "part")
    done = parts.psdl("fit", data, "--recipe", "fast", "--layout", "mvtec", "--model", folder / "m.psdl")
    assert done.returncode == 0, done.stderr
    return data, folder / "m.psdl", done.stdout


def test_what_is_cut_away_is_said_by_every_verb_that_looks(cut, tmp_path):
    data, model, said = cut
    words = "cuts away 43% of each image: only the middle 84 x 84 of 128 x 96 pixels is looked at"
    assert words in said
    assert words in parts.psdl("predict", model, data / "part/test/good").stdout
    assert words in parts.psdl("evaluate", model, data, "--out", tmp_path / "out").stdout


def test_what_is_cut_away_is_drawn_pale(cut):
    data, model, _ = cut
    path = data / "part/test/edge/0.png"
    result = Detector.load(model).score(path)
    assert result.seen.sum() == 84 * 84
    assert not result.seen[:, :22].any()
    drawn = thumbs.thumb(Sample(str(path), "0.png", "part"), result, 10**5)
    with Image.open(io.BytesIO(base64.b64decode(drawn["image"].split(",")[1]))) as image:
        shown = np.asarray(image.convert("RGB").resize((128, 96))).astype(int)
    outside = shown[:, :18].reshape(-1, 3)
    assert outside.min() > 150
    assert (outside.max(axis=1) - outside.min(axis=1)).max() < 12
    assert np.isnan(result.map[:, :22]).all()
