"""Where parts lie elsewhere in every picture, positions count less, or not at all."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from psdl import Detector, checkpoint
from tests.parts import good


def scattered(rng, defect=False):
    """A textured ring somewhere on a plain background; its defect is a gap."""
    canvas = Image.new("L", (256, 256), 30)
    draw = ImageDraw.Draw(canvas)
    x, y = rng.integers(60, 196, 2)
    for radius in range(44, 20, -4):
        box = [x - radius, y - radius, x + radius, y + radius]
        draw.ellipse(box, fill=int(110 + 80 * (radius // 4 % 2)))
    if defect:
        draw.rectangle([x - 6, y - 44, x + 6, y - 10], fill=30)
    noisy = np.asarray(canvas, float) + rng.normal(0, 3, (256, 256))
    return np.clip(noisy, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def loose():
    rng, said = np.random.default_rng(0), list[str]()
    return Detector("fast").fit([scattered(rng) for _ in range(40)], say=said.append), said


def test_parts_that_lie_anywhere_get_one_dictionary_for_all_positions(loose):
    detector, said = loose
    (part,) = detector.model.recipe.parts
    assert part.method == "shared"
    assert any("positions tell little" in line for line in said)
    rng = np.random.default_rng(1)
    fresh = [detector.score(scattered(rng)).score for _ in range(20)]
    spoiled = [detector.score(scattered(rng, defect=True)).score for _ in range(20)]
    assert np.mean(np.subtract.outer(spoiled, fresh) > 0) > 0.9


def test_such_a_model_scores_the_same_from_its_file_and_goes_on(loose, tmp_path):
    rng = np.random.default_rng(0)
    images = [scattered(rng) for _ in range(40)]
    detector, said = Detector("fast"), list[str]()
    detector.fit(images, going=tmp_path / "going")
    detector.save(tmp_path / "m.psdl")
    again = Detector("fast").fit(images, going=tmp_path / "going", say=said.append)
    assert "going on" in " ".join(said)
    checkpoint.finished(tmp_path / "going")
    one = scattered(np.random.default_rng(2), defect=True)
    scores = {d.score(one).score for d in (loose[0], detector, again, Detector.load(tmp_path / "m.psdl"))}
    assert len(scores) == 1


def test_parts_that_lie_still_keep_the_dictionaries_of_their_positions():
    rng, said = np.random.default_rng(0), list[str]()
    detector = Detector("fast").fit([good(rng) for _ in range(40)], say=said.append)
    (part,) = detector.model.recipe.parts
    assert part.method == "exemplars"
    assert not any("positions tell little" in line for line in said)
    assert detector.fit([good(rng) for _ in range(12)]).model.recipe.parts[0].method == "exemplars"
