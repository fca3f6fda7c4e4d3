"""Known defects from the command line: learned, told, carried by the model, and refused where they mislead."""

from __future__ import annotations

import json

import numpy as np
import pytest

from psdl import Detector
from tests.parts import good, psdl, refused, save


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Few good images, more of them apart, and defects of two kinds that are faint but alike."""
    root, rng = tmp_path_factory.mktemp("kinds"), np.random.default_rng(0)
    for n in range(8):
        save(good(rng), root / "good" / f"{n}.png")
    for n in range(24):
        save(good(rng), root / "apart" / f"{n}.png")
    for n in range(4):
        for kind, (tall, wide) in {"scratch": (2, 24), "dot": (9, 9)}.items():
            pixels = good(rng)
            y, x = rng.integers(10, 80), rng.integers(10, 100)
            pixels[y : y + tall, x : x + wide] += 18
            save(pixels, root / "bad" / kind / f"{n}.png")
    return root


def fitted(folders, *more):
    command = ["fit", folders / "good", "--recipe", "fast", "--model", folders / "m.psdl", "--groups", "given"]
    return psdl(*command, *more)


def test_fit_with_known_defects_says_what_they_earn_and_the_model_carries_them(folders):
    page = folders / "suspects.html"
    more = ("--calibrate", folders / "apart", "--defects", folders / "bad", "--suspects", page)
    done = fitted(folders, *more)
    assert done.returncode == 0, done.stderr
    assert "8 known defects (dot, scratch)" in done.stdout
    assert "known defects, each left out of learning in turn: " in done.stdout
    assert "scratch: " in done.stdout
    assert "if none were known: " in done.stdout
    assert "rank tests: calmer half p = " in done.stdout
    model = Detector.load(folders / "m.psdl").model
    assert sorted(set(model.defects.kinds)) == ["dot", "scratch"]
    assert (model.classifier is not None) == model.defects.report["used"]
    card = json.loads(psdl("inspect", folders / "m.psdl", "--json").stdout)
    assert card["defects"]["report"]["found"]["count"] == 8
    assert "known defects" in psdl("inspect", folders / "m.psdl").stdout
    assert page.is_file()
    row = json.loads(psdl("predict", folders / "m.psdl", folders / "bad" / "dot" / "0.png", "--json").stdout)
    assert row["spoke"] in ("anomaly", "known")
    assert row["score"] == max(row["anomaly_score"], row["known_score"] or row["anomaly_score"])


def test_defects_that_would_mislead_are_refused_before_anything_is_learned(folders):
    refused(fitted(folders, "--defects", folders / "bad"), "8 good images are too few", "--calibrate")
    refused(fitted(folders, "--defects", folders / "no"), "no folder")
    (folders / "t.csv").write_text("path,label\ngood/0.png,good\n")
    refused(fitted(folders, "--defects", folders / "t.csv"), "labelled as a defect")
