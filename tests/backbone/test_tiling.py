"""Tiles of large images: maps as of one pass, no seam, a model that knows its tiling."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from psdl import Detector, recipe
from psdl.backbone import tiling
from psdl.errors import PsdlError
from psdl.types import InputRule
from tests import parts


def texture(side: int, rng: np.random.Generator) -> np.ndarray:
    """A weave that repeats every 32 pixels, with noise too faint for the network to see."""
    y, x = np.mgrid[:side, :side]
    weave = 120 + 40 * np.sin(2 * np.pi * x / 32) + 30 * np.sin(2 * np.pi * y / 16) * np.sin(2 * np.pi * x / 32)
    noisy = weave[..., None] + np.array([0, 4, 9]) + rng.normal(0, 0.5, (side, side, 1))
    return np.clip(noisy, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("height", "width", "tile"), [(640, 896, 256), (256, 512, 256), (160, 1024, 384)])
def test_cells_are_where_one_pass_has_them(height, width, tile):
    def run(inputs):
        assert max(inputs.shape[2:]) <= tile
        blocks = [(s, inputs.reshape(1, 3, inputs.shape[2] // s, s, inputs.shape[3] // s, s)) for s in (8, 32)]
        return {f"stride{s}": cut.mean(axis=(3, 5)) for s, cut in blocks}

    inputs = np.random.default_rng(0).normal(size=(1, 3, height, width)).astype(np.float32)
    found = tiling.maps(run, inputs, tile)
    for stride in (8, 32):
        shape = (1, 3, height // stride, stride, width // stride, stride)
        np.testing.assert_allclose(found[f"stride{stride}"], inputs.reshape(shape).mean(axis=(3, 5)), atol=1e-5)


def grain(side: int, rng: np.random.Generator) -> np.ndarray:
    """A texture that is the same everywhere: grains of a few pixels."""
    across, down = np.fft.rfftfreq(side), np.fft.fftfreq(side)[:, None]
    blur = np.exp(-2 * (np.pi * 2.5) ** 2 * (across**2 + down**2))
    grains = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(side, side))) * blur, (side, side))
    return np.clip(128 + 35 * grains[..., None] / grains.std() + np.array([0, 4, 9]), 0, 255).astype(np.uint8)


@pytest.mark.slow
def test_a_constant_texture_of_2000_pixels_shows_no_seam():
    rng = np.random.default_rng(0)
    whole = replace(recipe("fast", tile=512), input=InputRule(resize=None))
    detector = Detector(whole).fit([grain(2000, rng) for _ in range(4)])
    pixels = grain(2000, rng)
    tiled = detector.score(pixels).input_map
    whole_at_once = Detector.of(replace(detector.model, recipe=replace(detector.recipe, tile=None)))
    seams = tiled - whole_at_once.score(pixels).input_map
    calibration = detector.model.calibration
    to_alarm = calibration.peak_threshold - np.median(tiled)
    assert tiled.shape == (2000, 2000)
    assert np.abs(seams).max() > 0
    assert np.ptp(seams.mean(axis=0)) < 0.03 * to_alarm
    assert np.ptp(seams.mean(axis=1)) < 0.03 * to_alarm
    assert np.abs(seams).max() < 0.15 * to_alarm


@pytest.mark.slow
def test_a_tiled_model_finds_a_small_defect_in_a_large_image(tmp_path):
    rng = np.random.default_rng(1)
    for n in range(6):
        parts.save(texture(640, rng), tmp_path / f"data/plate/train/good/{n}.png")
    bad = texture(640, rng)
    bad[400:424, 300:330] = (200, 40, 40)
    parts.save(bad, tmp_path / "bad.png")
    model = tmp_path / "m.psdl"
    done = parts.psdl("fit", tmp_path / "data", "--recipe", "fast", "--tile", "256", "--model", model)
    assert done.returncode == 0, done.stderr
    detector = Detector.load(model)
    assert detector.recipe.tile == 256
    assert {part.method for part in detector.recipe.parts} == {"shared"}
    result = detector.score(tmp_path / "bad.png")
    assert result.verdict.verdict == "NG"
    x, y = result.regions[0].peak_at
    assert 290 < x < 340
    assert 390 < y < 434
    assert max(max(pair) for pair in detector.selftest()) <= 1


@pytest.mark.parametrize("tile", [100, 500, 64])
def test_tiles_that_fit_no_stride_are_refused(tile):
    with pytest.raises(PsdlError, match="give a multiple of 32 pixels from 128 up"):
        recipe("fast", tile=tile)


def test_recipes_that_learn_each_position_by_itself_take_no_tiles():
    with pytest.raises(PsdlError, match="use default, fast or patchcore"):
        recipe("paper", tile=256)
