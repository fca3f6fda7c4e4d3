"""Copies count once, learned images set no threshold, and calibrations join where they may."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from psdl import Detector, PsdlError
from psdl.calibrate import strangers, thresholds
from tests import parts


def png(pixels, kind="PNG"):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


@pytest.fixture(scope="module")
def scene():
    """A detector of 12 pictures, 11 copies of one of them among what it was given; the pictures; new good ones."""
    rng = np.random.default_rng(0)
    pictures = [parts.good(rng, (64, 64)) for _ in range(12)]
    said: list[str] = []
    copies = [png(pictures[0], kind) for kind in ("PNG", "BMP", "TIFF") for _ in range(4)][:11]
    detector = Detector("fast").fit([*pictures, *copies], parts.listening(said))
    return detector, pictures, [parts.good(rng, (64, 64)) for _ in range(12)], said


def test_copies_count_once_everywhere(scene):
    detector, pictures, _, said = scene
    model = detector.model
    assert any("11 of 23 good images are copies" in line for line in said)
    assert len(model.learned) == len(model.calibration.scores) == model.calibration.groups == 12
    assert model.calibration.threshold == Detector("fast").fit(pictures).model.calibration.threshold


def test_copies_alone_teach_nothing():
    one = parts.good(np.random.default_rng(0), (64, 64))
    with pytest.raises(PsdlError, match="all 12 good images are copies of one picture"):
        Detector("fast").fit([png(one, ("PNG", "BMP")[n % 2]) for n in range(12)])


def test_a_learned_image_scores_as_if_unseen(scene):
    detector, pictures, new, _ = scene
    model = detector.model
    for n, pixels in enumerate(pictures):
        result = detector.score(png(pixels, "BMP"))
        assert result.learned
        assert result.score == model.unseen[n]
        assert result.score in model.calibration.scores
    assert not detector.score(new[0]).learned


def test_images_learned_from_are_left_out_of_calibrations(scene, tmp_path):
    detector, pictures, new, _ = scene
    detector.save(tmp_path / "m.psdl")
    copy, said = Detector.load(tmp_path / "m.psdl"), []
    with pytest.raises(PsdlError, match="all 12 images are among those that the model learned from"):
        copy.calibrate([png(pixels) for pixels in pictures])
    copy.calibrate([*new, *pictures[:3], new[0]], run=parts.listening(said))
    assert len(copy.model.calibration.scores) == 12
    assert "3 of 16 images are among those that the model learned from" in said[0]
    assert "1 of 13 images are copies" in said[1]
    joined = copy.calibrate(new[:6]).calibrate(
        new, join=True, run=parts.listening(said)
    )  # half of them are in it already
    assert "6 of 12 images are in the calibration already" in said
    assert len(joined.model.calibration.scores) == joined.model.calibration.groups == 12
    dark = Detector.load(tmp_path / "m.psdl").calibrate([pixels // 3 for pixels in new], join=True, force=True)
    assert len(dark.model.calibration.scores) == 12


def test_images_that_score_as_no_good_image_does_set_no_threshold_unless_forced(scene, tmp_path):
    detector, _, new, _ = scene
    detector.save(tmp_path / "m.psdl")
    rng, known = np.random.default_rng(1), detector.model.calibration
    for odd, words in (
        ([parts.defective(rng, (64, 64))[0] for _ in range(6)], "6 of 6 images .* as another product or a defect"),
        ([*new, parts.defective(rng, (64, 64))[0]], "1 of 13 images"),
    ):
        copy, said = Detector.load(tmp_path / "m.psdl"), []
        with pytest.raises(PsdlError, match=words):
            copy.calibrate(odd)
        assert copy.model.calibration.threshold == known.threshold
        copy.calibrate(odd, force=True, run=parts.listening(said))
        assert copy.model.calibration.threshold > known.threshold
        assert any(line.startswith("CAUTION") for line in said)


def test_images_learned_from_and_changed_a_little_set_no_threshold(scene):
    detector = scene[0]
    known, new = detector.model.calibration, detector.model.calibration.scores[:2] - 1
    low = thresholds.edited(
        replace(known, scores=new, peaks=known.peaks[:2], items=np.arange(2)), known.rates, None
    )
    assert strangers.check_low(known, low, False) == []  # two may do so by chance
    lower = replace(known, scores=known.scores - np.ptp(known.scores))
    with pytest.raises(PsdlError, match="images learned from when they are changed a little"):
        strangers.check_low(known, lower, False)
    assert strangers.check_low(known, lower, True)[0].startswith("CAUTION")
    assert strangers.check_low(known, replace(lower, scores=known.scores), False) == []


@pytest.mark.parametrize("threshold", [float("nan"), float("inf"), -float("inf"), "5", [1]])
def test_a_threshold_by_hand_is_a_number(scene, threshold):
    before = scene[0].model.calibration.threshold
    with pytest.raises(PsdlError, match="give a finite number"):
        scene[0].edit(threshold=threshold)
    assert scene[0].model.calibration.threshold == before


def test_learned_images_saved_anew_are_left_out_of_calibrations(scene, tmp_path):
    detector, pictures, new, _ = scene
    detector.save(tmp_path / "m.psdl")
    copy, said = Detector.load(tmp_path / "m.psdl"), []

    def saved_anew(pixels, factor):
        file, (h, w) = io.BytesIO(), pixels.shape[:2]
        brighter = np.clip(pixels * 1.05, 0, 255).astype(np.uint8)
        Image.fromarray(brighter).resize((round(w * factor), round(h * factor))).save(file, "JPEG", quality=90)
        return file.getvalue()

    again = [saved_anew(pixels, factor) for pixels, factor in zip(pictures[:4], (1, 1, 1.5, 2), strict=True)]
    copy.calibrate([*new, *again], run=parts.listening(said))
    assert "4 of 16 images are among those that the model learned from, or copies of them: left out" in said
    assert len(copy.model.calibration.scores) == 12


def test_the_same_data_elsewhere_give_the_same_bytes(scene, tmp_path):
    _, pictures, _, _ = scene
    for name in ("a", "else/where"):
        files = [parts.save(pixels, tmp_path / name / f"good/{n}.png") for n, pixels in enumerate(pictures)]
        Detector("fast").fit(files).save(tmp_path / f"{name[0]}.psdl")
    assert (tmp_path / "a.psdl").read_bytes() == (tmp_path / "e.psdl").read_bytes()
    learned = Detector.load(tmp_path / "a.psdl").model.learned
    assert [where.name for where in learned[:2]] == ["0.png", "1.png"]
