"""A model that is extended knows the new images, keeps the old ones, and says what was done to it."""

from __future__ import annotations

import numpy as np
import pytest

from psdl import Detector, PsdlError
from psdl.scoring.normalise import Unseen, merged
from psdl.workflows.extend import extended
from tests.parts import defective, good, psdl, refused, save


def marked(rng: np.random.Generator) -> np.ndarray:
    """A good part of a new kind: with a bright stripe."""
    pixels = good(rng)
    pixels[:, 90:100] = np.clip(pixels[:, 90:100].astype(int) + 80, 0, 255)
    return pixels


@pytest.fixture(scope="module", params=["fast", pytest.param("default", marks=pytest.mark.slow)])
def pair(request):
    rng = np.random.default_rng(0)
    old = Detector(request.param).fit([good(rng) for _ in range(24)])
    return old, extended(old, [marked(rng) for _ in range(16)], by="Eve", force=True)


def test_new_parts_are_known_and_old_ones_too(pair):
    old, new = pair
    rng = np.random.default_rng(9)
    fresh, known = [marked(rng) for _ in range(6)], [good(rng) for _ in range(6)]
    before, after = ([one.score(pixels).score for pixels in fresh] for one in pair)
    assert np.median(after) < 0.5 * np.median(before)
    assert all(new.score(pixels).verdict.verdict == "OK" for pixels in known + fresh)
    bad = [defective(rng)[0] for _ in range(6)]
    assert min(new.score(pixels).score for pixels in bad) > max(
        new.score(pixels).score for pixels in known + fresh
    )
    assert all(
        new.score(pixels).verdict.verdict == "NG" for pixels in bad
    )  # what was new has not raised thresholds
    assert any(old.score(pixels).verdict.verdict != "OK" for pixels in fresh)


def test_the_record_says_what_was_done(pair, tmp_path):
    old, new = pair
    model = new.model
    assert len(model.learned) == len(model.calibration.scores) == len(model.image_statistics) == 40
    assert model.calibration.groups == 40
    assert model.history[0] == old.model.history[0]
    assert (model.history[-1]["what"], model.history[-1]["images"], model.history[-1]["by"]) == (
        "extended",
        16,
        "Eve",
    )
    assert "16 good images added" in model.calibration.origin
    new.save(tmp_path / "m.psdl")
    again = Detector.load(tmp_path / "m.psdl")
    assert max(max(one) for one in again.selftest()) <= 1
    rng = np.random.default_rng(4)
    regions = again.score(defective(rng)[0]).regions
    assert all(reason.like is None or reason.like.number < 40 for region in regions for reason in region.reasons)


def test_merged_statistics_are_those_of_all():
    rng = np.random.default_rng(0)
    a, b = rng.normal(3, 2, (30, 5)), rng.normal(7, 1, (10, 5))
    both = np.concatenate([a, b])
    parts = [Unseen(x.mean(axis=0).astype(np.float32), x.std(axis=0).astype(np.float32)) for x in (a, b)]
    found = merged(parts[0], 30, parts[1], 10)
    np.testing.assert_allclose(found.mean, both.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found.scale, both.std(axis=0), rtol=1e-5)


@pytest.mark.slow
def test_the_verb_extends_and_refuses(tmp_path, model_file):
    rng = np.random.default_rng(0)
    for n in range(12):
        save(good(rng), tmp_path / f"old/{n}.png")
        save(marked(rng), tmp_path / f"new/{n}.png")
    old, new = tmp_path / "old.psdl", tmp_path / "new.psdl"
    assert psdl("fit", tmp_path / "old", "--model", old, "--recipe", "fast").returncode == 0
    strange = psdl("fit", tmp_path / "new", "--model", new, "--extend", old)
    refused(strange, "12 of 12 images (of 12 of 12 items) score beyond", ".png (", "--force")
    assert not new.exists()
    done = psdl("fit", tmp_path / "new", "--model", new, "--extend", old, "--by", "Eve", "--force")
    assert done.returncode == 0, done.stderr
    assert "CAUTION: 12 of 12 images (of 12 of 12 items) score beyond" in done.stdout + done.stderr
    assert "extended from 12 images" in psdl("inspect", new).stdout
    same = psdl("fit", tmp_path / "new", "--model", new, "--extend", new)
    refused(same, "12 of 12 images are among those learned from")
    refused(psdl("fit", tmp_path / "new", "--model", new, "--extend", old, "--seed", "3"), "--seed", "--extend")
    refused(
        psdl("fit", tmp_path / "new", "--model", new, "--extend", model_file), "method paper cannot be extended"
    )


def test_images_of_another_size_are_refused():
    rng = np.random.default_rng(0)
    from dataclasses import replace

    from psdl import recipe
    from psdl.types import InputRule

    old = Detector(replace(recipe("fast"), input=InputRule(resize=None))).fit([good(rng) for _ in range(10)])
    with pytest.raises(PsdlError, match="pixels"):
        extended(old, [good(rng, (64, 64)) for _ in range(3)], force=True)
