"""Signals written by images and read by images or positions, in memory and in a file."""

from __future__ import annotations

import tempfile

import numpy as np
import pytest

from psdl.features import store
from psdl.types import Grid, Signals


@pytest.mark.parametrize("in_memory", [True, False])
def test_both_ways_of_reading(tmp_path, monkeypatch, in_memory):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(store, "RESIDENT", 100)  # pages are let go between any two steps
    rng = np.random.default_rng(0)
    values = rng.normal(size=(5, 6, 4)).astype(np.float32)
    grid = Grid(2, 3, (32, 48))
    with store.Store(5, grid, 4, in_memory=in_memory) as held:
        for n in range(5):
            held.write(n, Signals(values[n : n + 1], grid))
        assert any(tmp_path.iterdir()) != in_memory
        rows = np.array([4, 1])
        np.testing.assert_array_equal(held.images(rows).values, values[rows])
        np.testing.assert_array_equal(held.positions(2, 5, rows), values[rows, 2:5].transpose(1, 0, 2))
        assert held.positions(2, 5, rows).flags.c_contiguous
    assert not any(tmp_path.iterdir())


def test_a_file_of_its_own_outlives_the_store_with_what_it_holds(tmp_path):
    grid, file = Grid(2, 3, (32, 48)), tmp_path / "kept.f32"
    values = np.random.default_rng(0).normal(size=(2, 6, 4)).astype(np.float32)
    with store.Store(2, grid, 4, in_memory=False, file=file) as first:
        first.write(0, Signals(values[:1], grid))
    with store.Store(2, grid, 4, in_memory=False, file=file) as second:
        second.write(1, Signals(values[1:], grid))
        np.testing.assert_array_equal(second.images(np.arange(2)).values, values)
