"""Activation maps to signals: which channels, in which order, pooled how."""

from __future__ import annotations

import numpy as np

from psdl.features import embeddings
from psdl.types import Part


def part(*taps, **settings):
    return Part("p", taps, "paper", **settings)


def maps():
    rng = np.random.default_rng(0)
    shapes = {"layer1": (2, 24, 16, 16), "layer2": (2, 40, 8, 8), "layer3": (2, 112, 4, 4)}
    return {tap: rng.normal(size=s).astype(np.float32) for tap, s in shapes.items()}


def test_a_single_layer_keeps_its_first_square_number_of_channels():
    found = embeddings.assemble(maps(), part("layer3"), (64, 64))
    assert found.values.shape == (2, 16, 100)
    assert found.grid.positions == 16
    np.testing.assert_array_equal(found.values[1, 6], maps()["layer3"][1, :100, 1, 2])


def test_multiple_layers_deepest_first_the_surplus_cut_from_the_shallowest():
    given = maps()
    found = embeddings.assemble(given, part("layer1", "layer2", "layer3"), (64, 64))
    assert found.values.shape == (2, 16, 169)
    at = found.values[0, 6]
    np.testing.assert_array_equal(at[:112], given["layer3"][0, :, 1, 2])
    np.testing.assert_allclose(at[112:152], given["layer2"][0, :, 2:4, 4:6].mean(axis=(1, 2)), atol=1e-6)
    np.testing.assert_allclose(at[152:], given["layer1"][0, :17, 4:8, 8:12].mean(axis=(1, 2)), atol=1e-6)


def test_grids_that_do_not_divide_are_pooled_adaptively():
    given = {
        "a": np.arange(2 * 5 * 7, dtype=np.float32).reshape(1, 2, 5, 7),
        "b": np.zeros((1, 2, 2, 3), np.float32),
    }
    found = embeddings.assemble(given, part("a", "b"), (40, 56)).values[0]
    assert found.shape == (6, 4)
    # torch's adaptive_avg_pool2d: rows 0..3 and 2..5, columns 0..3, 2..5, 4..7.
    np.testing.assert_allclose(found[0, 2], given["a"][0, 0, 0:3, 0:3].mean())
    np.testing.assert_allclose(found[5, 3], given["a"][0, 1, 2:5, 4:7].mean())


def test_equal_grids_are_not_pooled():
    given = {"a": np.ones((1, 3, 4, 4), np.float32), "b": np.zeros((1, 1, 4, 4), np.float32)}
    found = embeddings.assemble(given, part("a", "b"), (8, 8)).values
    np.testing.assert_array_equal(found[0, 0], [0, 1, 1, 1])


def test_on_the_shallowest_grid_deeper_maps_are_interpolated():
    given = maps()
    found = embeddings.assemble(given, part("layer2", "layer3", grid="shallowest", square=False), (64, 64))
    assert (found.grid.h, found.grid.w, found.values.shape[2]) == (8, 8, 152)
    np.testing.assert_array_equal(found.values[0, 9, 112:], given["layer2"][0, :, 1, 1])
    # Row 1 of 8 lies at 0.25 of 4: three quarters of row 0 and a quarter of row 1; columns likewise.
    deep = given["layer3"][0]
    mixed = 0.75 * (0.75 * deep[:, 0, 0] + 0.25 * deep[:, 0, 1]) + 0.25 * (
        0.75 * deep[:, 1, 0] + 0.25 * deep[:, 1, 1]
    )
    np.testing.assert_allclose(found.values[0, 9, :112], mixed, atol=1e-6)


def test_pooling_averages_neighbours_and_zeros_outside():
    given = {"a": np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)}
    found = embeddings.assemble(given, part("a", pool=3, square=False), (8, 8)).values[0, :, 0].reshape(4, 4)
    np.testing.assert_allclose(found[1, 1], given["a"][0, 0, :3, :3].mean())
    np.testing.assert_allclose(found[0, 0], given["a"][0, 0, :2, :2].sum() / 9)


def test_a_grid_between_pools_the_finer_and_interpolates_the_coarser():
    given = maps()
    found = embeddings.assemble(given, part("layer1", "layer2", "layer3", grid="layer2", square=False), (64, 64))
    assert (found.grid.h, found.grid.w, found.values.shape[2]) == (8, 8, 176)
    np.testing.assert_allclose(
        found.values[0, 9, 152:], given["layer1"][0, :, 2:4, 2:4].mean(axis=(1, 2)), atol=1e-6
    )
