"""A camera of 12 bits: learned from 16-bit files, judged alike in 16 and in 8 bits, from every door."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from psdl import Detector
from tests import parts

WHITE = 4095


def twelve(grey: np.ndarray) -> np.ndarray:
    """8-bit samples as those of a 12-bit camera."""
    return np.rint(grey / 255 * WHITE).astype(np.uint16)


@pytest.fixture(scope="module")
def camera(tmp_path_factory):
    """A model of 12-bit images, and one defective part in 16 and in 8 bits."""
    root = tmp_path_factory.mktemp("camera")
    rng = np.random.default_rng(2)
    (root / "good").mkdir()
    for n in range(8):
        deep = twelve(parts.good(rng)[:, :, 0])
        deep[0, 0] = 3000  # which 11 bits would not hold
        Image.fromarray(deep).save(root / "good" / f"{n}.png")
    grey = parts.defective(rng)[0][:, :, 0]
    Image.fromarray(twelve(grey)).save(root / "deep.png")
    Image.fromarray(grey).save(root / "flat.png")
    done = parts.psdl("fit", root / "good", "--model", root / "m.psdl", "--recipe", "fast", "--quiet")
    assert done.returncode == 0, done.stderr
    return root


def test_the_depth_is_learned_and_both_copies_score_alike(camera):
    detector = Detector.load(camera / "m.psdl")
    assert detector.recipe.input.white == WHITE
    deep, flat = (detector.score(camera / name) for name in ("deep.png", "flat.png"))
    assert deep.score == pytest.approx(flat.score, rel=1e-3)
    assert deep.verdict.verdict == flat.verdict.verdict == "NG"
    with Image.open(camera / "deep.png") as image:
        assert detector.score(np.asarray(image)).score == deep.score
    done = parts.psdl(
        "predict", camera / "m.psdl", camera / "deep.png", "--json", "--quiet", "--out", camera / "o"
    )
    assert json.loads(done.stdout)["score"] == pytest.approx(deep.score)
    assert list((camera / "o" / "pictures").rglob("*.png"))


def test_a_stated_depth_is_kept_and_must_hold_the_images(camera, tmp_path):
    model = tmp_path / "m.psdl"
    asked = ("fit", camera / "good", "--model", model, "--recipe", "fast", "--quiet", "--bit-depth")
    assert parts.psdl(*asked, 14).returncode == 0
    assert Detector.load(model).recipe.input.white == 2**14 - 1
    parts.refused(parts.psdl(*asked, 10), "sample of 3", "above the 1023 of --bit-depth")
    parts.refused(parts.psdl(*asked, 4), "--bit-depth is 4")


def test_a_model_of_8_bit_images_does_not_guess_what_white_is(camera, mvtec, tmp_path):
    detector = Detector("fast").fit([str(path) for path in sorted((mvtec / "nut/train/good").iterdir())])
    detector.save(tmp_path / "m.psdl")
    done = parts.psdl("predict", tmp_path / "m.psdl", camera / "deep.png", "--quiet")
    parts.refused(done, "it is not known which one is white")


def test_a_data_set_of_deep_images_is_looked_at(camera):
    values = json.loads(parts.psdl("datasets", "check", camera / "good", "--json", "--quiet").stdout)
    assert values["categories"][0]["modes"] == {"I;16": 8}


def test_a_turned_copy_scores_as_its_upright_twin(camera, tmp_path):
    grey = np.asarray(Image.open(camera / "flat.png"))
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.ascontiguousarray(np.rot90(grey))).save(tmp_path / "turned.png", exif=exif)
    detector = Detector.load(camera / "m.psdl")
    assert detector.score(tmp_path / "turned.png").score == detector.score(camera / "flat.png").score
