"""Corrections by people: read strictly, and told what they do."""

from __future__ import annotations

import json

import numpy as np
import pytest

from psdl import Detector, PsdlError
from psdl.workflows.feedback import corrected, read
from tests.parts import defective, good, psdl, refused, save


@pytest.fixture
def scene(tmp_path):
    """A model, good images that it takes for strange, and defective ones; corrections of all in a file."""
    rng = np.random.default_rng(0)
    Detector("fast").fit([good(rng) for _ in range(30)]).save(tmp_path / "m.psdl")
    odd = [good(rng) for _ in range(6)]
    for n, pixels in enumerate(odd):
        pixels[40:52, 60:72] = 200  # a sticker that is allowed
        save(pixels, tmp_path / f"odd{n}.png")
    save(defective(rng)[0], tmp_path / "blot.png")
    save(good(rng), tmp_path / "plain.png")
    rows = ["path,verdict", *(f"odd{n}.png,OK" for n in range(6)), "blot.png,NG", "plain.png,defective"]
    (tmp_path / "feedback.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_false_alarms_raise_the_threshold_and_misses_are_named(scene):
    before = Detector.load(scene / "m.psdl")
    done = psdl(
        "calibrate",
        scene / "m.psdl",
        "--feedback",
        scene / "feedback.csv",
        "--by",
        "Eve",
        "--out",
        scene / "n.psdl",
    )
    assert done.returncode == 0, done.stderr
    after = Detector.load(scene / "n.psdl")
    assert after.model.calibration.threshold > before.model.calibration.threshold
    assert len(after.model.calibration.scores) == 36
    assert "6 images said to be good: 6 were not OK before" in done.stdout
    assert "2 images said to be defective" in done.stdout
    assert "not found: " in done.stdout
    assert "plain.png" in done.stdout
    last = after.model.history[-1]
    assert (last["what"], last["by"], last["images"]) == ("corrected by feedback", "Eve", 8)
    assert after.score(scene / "odd0.png").score == before.score(scene / "odd0.png").score
    card = json.loads(psdl("inspect", scene / "n.psdl", "--json").stdout)
    assert "6 images added by feedback" in card["calibration"]["origin"]


def test_scores_stay_sorted_with_their_items_and_images(scene):
    detector = Detector.load(scene / "m.psdl")
    old = detector.model.calibration
    corrected(detector, read(scene / "feedback.csv"))
    new = detector.model.calibration
    assert np.all(np.diff(new.scores) >= 0)
    assert new.groups == old.groups + 6
    places = {where: n for n, where in enumerate(new.images)}
    for n, where in enumerate(old.images):
        assert new.scores[places[where]] == old.scores[n]
        assert new.peaks[places[where]] == old.peaks[n]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "no rows"),
        ("a,b\n1,2\n", "path and verdict"),
        ("path,verdict\nnone.png,OK\n", "line 2 names 'none.png'"),
        ("path,verdict\nblot.png,fine\n", "line 2"),
        ("path,verdict\nblot.png,OK\nblot.png,NG\n", "line 3 calls"),
        ("path,verdict\nblot.png\n", "line 2"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(scene, text, word):
    (scene / "bad.csv").write_text(text)
    refused(psdl("calibrate", scene / "m.psdl", "--feedback", scene / "bad.csv"), word)


def test_only_defects_set_no_threshold(scene):
    (scene / "bad.csv").write_text("path,verdict\nblot.png,NG\n")
    with pytest.raises(PsdlError, match="no correction names a good image"):
        corrected(Detector.load(scene / "m.psdl"), read(scene / "bad.csv"))
