"""What methods say of signals, as named arrays."""

from __future__ import annotations

import numpy as np
import pytest

from psdl.scoring import coded
from psdl.types import Coded


def said(first, count):
    """Distances and norms of `count` images at 3 positions, from `first` on, in columns as some methods give
    them."""
    values = np.arange(first, first + 3 * count, dtype=np.float32).reshape(3, count, order="F").T
    return Coded(values, norm=2 * values)


def test_batches_are_joined_field_by_field():
    found = coded.joined([said(0, 2), said(6, 1)])
    np.testing.assert_array_equal(found.distance, np.arange(9).reshape(3, 3))
    np.testing.assert_array_equal(found.norm, 2 * found.distance)
    assert found.code is found.residual is found.atom is None
    assert found.distance.flags.c_contiguous


def test_images_stand_at_their_places():
    found = coded.joined([said(0, 2), said(6, 1)], np.array([2, 0, 1]))
    np.testing.assert_array_equal(found.distance, np.arange(9).reshape(3, 3)[[1, 2, 0]])


def test_arrays_by_name_and_back():
    atoms = np.zeros((1, 3), np.int32)
    one = Coded(np.ones((1, 3), np.float32), atom=atoms)
    assert [*coded.arrays(one)] == ["distance", "atom"]
    assert coded.of_arrays(coded.arrays(one)).atom is atoms
    assert coded.without_atoms(one).atom is None
    with pytest.raises(TypeError, match="other"):
        coded.of_arrays({"distance": one.distance, "other": atoms})
