"""Where parts lie elsewhere in every picture, positions count less."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from psdl import Detector, read
from psdl.jobs.context import RunContext
from psdl.model import recipes
from psdl.training import checkpoint
from tests.parts import good, listening


def scattered(rng, defect=False):
    """A disc with grains, never the same, roughly in the middle of a plain background; its defect is a gap."""
    canvas = Image.new("L", (256, 256), 30)
    draw = ImageDraw.Draw(canvas)
    x, y = 128 + rng.integers(-14, 15, 2)
    radius = int(rng.integers(60, 80))
    draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=140)
    for _ in range(40):
        angle, away, size = rng.uniform(0, 2 * np.pi), radius * rng.uniform(0, 0.9), rng.integers(2, 9)
        u, v = x + away * np.cos(angle), y + away * np.sin(angle)
        draw.ellipse([u - size, v - size, u + size, v + size], fill=int(rng.integers(60, 220)))
    if defect:
        draw.rectangle([x - 8, y - radius, x + 8, y - 10], fill=30)
    noisy = np.asarray(canvas, float) + rng.normal(0, 1, (256, 256))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def test_parts_that_lie_anywhere_are_told_from_those_that_do_not_and_their_defects_are_found():
    rng = np.random.default_rng(0)
    detector = Detector("fast").fit([scattered(rng) for _ in range(40)])
    (loose,) = detector.model.recipe.parts
    (still,) = Detector("fast").fit([good(rng) for _ in range(40)]).model.recipe.parts
    assert loose.shrink > still.shrink + 0.05
    rng = np.random.default_rng(1)
    fresh = [detector.score(scattered(rng)).score for _ in range(20)]
    spoiled = [detector.score(scattered(rng, defect=True)).score for _ in range(20)]
    assert np.mean(np.subtract.outer(spoiled, fresh) > 0) > 0.9


def test_such_a_model_scores_the_same_from_its_file_and_goes_on(tmp_path):
    rng = np.random.default_rng(0)
    images = [scattered(rng) for _ in range(12)]
    detector, said = Detector("fast"), list[str]()
    detector.fit(images, RunContext(checkpoint=tmp_path / "going"))
    detector.save(tmp_path / "m.psdl")
    again = Detector("fast").fit(images, listening(said, checkpoint=tmp_path / "going"))
    assert "going on" in " ".join(said)
    checkpoint.finished(tmp_path / "going")
    one = scattered(np.random.default_rng(2), defect=True)
    scores = {d.score(one).score for d in (detector, again, Detector.load(tmp_path / "m.psdl"))}
    assert len(scores) == 1


@pytest.mark.slow
def test_real_parts_that_lie_anywhere_are_told_from_those_that_do_not(real_data):
    found = {}
    for name in ("cookie", "kolektorsdd"):
        read_in = read(real_data / name)
        good_ones = [sample for sample in read_in.samples if sample.split == "train"][:60]
        detector = Detector(replace(recipes.FAST, input=read_in.rule)).fit(good_ones)
        found[name] = detector.model.recipe.parts[0].shrink
    assert found["cookie"] > 0.8 > found["kolektorsdd"]
