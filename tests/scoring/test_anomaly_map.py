"""Grids to maps: interpolation and smoothing by their definitions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from psdl.scoring import anomaly_map
from psdl.types import Grid, Part, Recipe


def recipe(rule="max", smoothing=4.0, weights=(1.0,)):
    parts = tuple(Part(f"p{i}", ("layer3",), "paper", weight=w) for i, w in enumerate(weights))
    return Recipe("r", "a", parts, image_score=rule, smoothing=smoothing)


def one(values, size, **options):
    grid = Grid(*values.shape, size)
    distances = values.reshape(1, -1).astype(np.float32)
    return anomaly_map.score({"p0": distances}, {"p0": grid}, recipe(**options))


def test_constants_stay_constant():
    found = one(np.full((4, 6), 3.0), (64, 96))
    np.testing.assert_allclose(found.map, 3, rtol=1e-6)
    assert found.image[0] == pytest.approx(3)


def test_the_gaussian_is_scipys():
    rng = np.random.default_rng(0)
    values = rng.random((40, 30))
    found = one(values, (40, 30))
    expected = ndimage.gaussian_filter(values.astype(np.float32).astype(float), 4.0, mode="reflect", truncate=4.0)
    np.testing.assert_allclose(found.map[0], expected, atol=1e-6)


def test_bicubic_weights_are_the_definitions():
    """At twice the size, half-pixel centres lie 1/4 off: Keys' weights with a = -0.75."""
    a, d = -0.75, 0.25

    def near(x):
        return (a + 2) * x**3 - (a + 3) * x**2 + 1

    def far(x):
        return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a

    found = one(np.eye(8)[3:4].repeat(8, axis=0), (8, 16), smoothing=0.0).map[0, 0]
    # Source column 3 is seen by target columns 3..10; those right of its centre are at 7 + 2 i.
    assert found[7] == pytest.approx(near(d), abs=1e-6)
    assert found[6] == pytest.approx(near(d), abs=1e-6)
    assert found[8] == pytest.approx(near(1 - d), abs=1e-6)
    assert found[9] == pytest.approx(far(1 + d), abs=1e-6)
    assert found[10] == pytest.approx(far(2 - d), abs=1e-6)
    assert found[11] == 0


def test_the_image_score_may_weigh_the_parts_in_its_own_way():
    grids = {"p0": Grid(2, 2, (32, 32)), "p1": Grid(4, 4, (32, 32))}
    distances = {"p0": np.full((3, 4), 2.0, np.float32), "p1": np.full((3, 16), 5.0, np.float32)}
    base = recipe(weights=(1.0, 3.0))
    own = Recipe("r", "a", tuple(replace(p, image_weight=1.0) for p in base.parts), image_score="max")
    found = anomaly_map.score(distances, grids, own)
    np.testing.assert_allclose(found.map, 17, rtol=1e-6)
    np.testing.assert_allclose(found.image, 7, rtol=1e-6)
    same = anomaly_map.score(distances, grids, base)
    np.testing.assert_array_equal(same.map, found.map)
    np.testing.assert_allclose(same.image, 17, rtol=1e-6)


def test_parts_are_summed_by_weight_from_grids_of_their_own():
    grids = {"p0": Grid(2, 2, (32, 32)), "p1": Grid(4, 4, (32, 32))}
    distances = {"p0": np.full((3, 4), 2.0, np.float32), "p1": np.full((3, 16), 5.0, np.float32)}
    found = anomaly_map.score(distances, grids, recipe(weights=(1.0, 0.5)))
    np.testing.assert_allclose(found.map, 4.5, rtol=1e-6)
    assert found.map.shape == (3, 32, 32)


def test_an_image_scores_the_same_alone_and_among_others():
    rng = np.random.default_rng(1)
    distances = rng.gamma(2, size=(7, 16)).astype(np.float32)
    grid = {"p0": Grid(4, 4, (64, 64))}
    for rule in anomaly_map.RULES:
        whole = anomaly_map.score({"p0": distances}, grid, recipe(rule))
        for n in range(7):
            alone = anomaly_map.score({"p0": distances[n : n + 1]}, grid, recipe(rule))
            assert alone.image[0] == whole.image[n]
            np.testing.assert_array_equal(alone.map[0], whole.map[n])


def test_top_percent_is_the_mean_of_the_largest_hundredth():
    values = np.arange(400.0).reshape(20, 20)
    found = one(values, (20, 20), rule="top-percent", smoothing=0.0)
    assert found.image[0] == pytest.approx(np.sort(found.map.ravel())[-4:].mean(), rel=1e-6)


def test_smooth_top_prefers_a_region_to_a_pixel():
    pixel, region = np.zeros((2, 64, 64), np.float32)
    pixel[32, 32] = 1
    region[24:40, 24:40] = 1
    found = anomaly_map.RULES["smooth-top"](np.stack([pixel, region, np.ones((64, 64), np.float32)]), None)
    assert found[0] < found[1] / 10
    assert found[2] == pytest.approx(1, rel=1e-5)
