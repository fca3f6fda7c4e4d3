"""Corrections by people: read strictly, and told what they do."""

from __future__ import annotations

import json

import numpy as np
import pytest

from psdl import Detector
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
    command = ["calibrate", scene / "m.psdl", "--feedback", scene / "feedback.csv"]
    refused(psdl(*command, "--out", scene / "n.psdl"), "as another product or a defect does", "add --force")
    assert not (scene / "n.psdl").exists()
    done = psdl(*command, "--force", "--by", "Eve", "--out", scene / "n.psdl")
    assert done.returncode == 0, done.stderr
    assert "CAUTION: 6 of 6 images" in done.stdout
    after = Detector.load(scene / "n.psdl")
    assert len(after.model.calibration.scores) == 36
    assert "6 images said to be good: 6 were not OK before" in done.stdout
    assert "2 images said to be defective: 1 were OK before, 1 are OK now" in done.stdout
    assert "still OK: " in done.stdout
    assert "plain.png" in done.stdout
    assert "kept to test later thresholds on, not learned from: 2 known defects are too few" in done.stdout
    assert len(after.model.defects.images) == 2
    assert after.model.classifier is None
    last = after.model.history[-1]
    assert (last["what"], last["by"], last["images"]) == ("corrected by feedback", "Eve", 8)
    assert after.score(scene / "odd0.png").score < before.score(scene / "odd0.png").score  # it is known now
    assert len(after.model.learned) == 36
    card = json.loads(psdl("inspect", scene / "n.psdl", "--json").stdout)
    assert "good images added" in card["calibration"]["origin"]


def test_scores_stay_sorted_with_their_items_and_images(scene):
    detector = Detector.load(scene / "m.psdl")
    old = detector.model.calibration
    new = corrected(detector, read(scene / "feedback.csv"), force=True).detector.model.calibration
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


def test_missed_defects_are_learned_from_and_nothing_is_written_unasked(tmp_path):
    rng = np.random.default_rng(1)
    detector = Detector("fast").fit([good(rng) for _ in range(8)])
    detector.calibrate([good(rng) for _ in range(24)]).save(tmp_path / "m.psdl")
    rows = ["path,verdict"]
    for n in range(6):
        pixels = good(rng)
        y, x = rng.integers(10, 80), rng.integers(10, 100)
        pixels[y : y + 3, x : x + 12] += 16  # a faint scratch
        save(pixels, tmp_path / f"missed{n}.png")
        rows.append(f"missed{n}.png,NG")
    (tmp_path / "feedback.csv").write_text("\n".join(rows) + "\n")
    known = (tmp_path / "m.psdl").read_bytes()
    done = psdl("calibrate", tmp_path / "m.psdl", "--feedback", tmp_path / "feedback.csv")
    assert done.returncode == 0, done.stderr
    assert "nothing was changed" in done.stdout
    assert "known defects, each left out of learning in turn: " in done.stdout
    assert (tmp_path / "m.psdl").read_bytes() == known
    after = corrected(detector, read(tmp_path / "feedback.csv")).detector
    assert len(after.model.defects.images) == 6
    result = after.score(tmp_path / "missed0.png")
    if after.model.classifier:
        assert result.score == max(result.anomaly, result.known)
    assert result.spoke in ("anomaly", "known")
    after.save(tmp_path / "n.psdl")
    again = Detector.load(tmp_path / "n.psdl")
    assert again.score(tmp_path / "missed0.png").score == result.score
    assert again.model.defects.report == json.loads(json.dumps(after.model.defects.report))
