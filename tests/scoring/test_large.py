"""Regions of large images are found at a smaller size, and lie where those of the whole image do."""

from __future__ import annotations

import numpy as np
import pytest

from psdl import Detector
from psdl.input import preprocess
from psdl.scoring import result as results
from psdl.types import Geometry, InputRule
from tests import parts

RULES = (InputRule(resize=(64, 64)), InputRule(crop=(80, 100), resize=(64, 64), window=(48, 56)))


def test_regions_of_a_large_image_lie_where_they_are(model_file, mvtec, monkeypatch):
    images = sorted((mvtec / "bolt/test/blot").glob("*.png"))
    detector = Detector.load(model_file)
    whole = [detector.score(image).regions for image in images]
    monkeypatch.setattr(results, "LARGE", 6_000)  # the images have 12,288 pixels
    few = [detector.score(image).regions for image in images]
    assert any(whole)
    for known, found in zip(whole, few, strict=True):
        assert len(found) == len(known)
        for a, b in zip(known, found, strict=True):
            assert b.area == pytest.approx(a.area, rel=0.15, abs=20)
            np.testing.assert_allclose(b.box, a.box, atol=4)
            np.testing.assert_allclose(b.peak_at, a.peak_at, atol=4)
            np.testing.assert_allclose(b.centroid, a.centroid, atol=2)
            assert b.peak == pytest.approx(a.peak, rel=0.05)


@pytest.mark.parametrize("rule", RULES)
def test_a_reduced_geometry_has_the_same_input(rule):
    small = preprocess.reduced(preprocess.plan(rule, parts.SIZE), 4_000)
    assert np.prod(small.source) <= 4_000
    assert small.input == preprocess.plan(rule, parts.SIZE).input
    assert np.isfinite(preprocess.map_to_source(np.ones(small.input, np.float32), small)).any()


def test_a_small_image_stays_as_it_is():
    geometry = Geometry((100, 200), (0, 0, 200, 100), (64, 64), (0, 0, 64, 64))
    assert preprocess.reduced(geometry, 20_000) is geometry
