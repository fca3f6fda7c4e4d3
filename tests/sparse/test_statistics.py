"""Coherence and usage of dictionaries, and the picture of them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from psdl import sparse
from tests.sparse.problems import problem


def test_coherence_of_known_dictionaries():
    flat = sparse.coherence(np.eye(5))
    assert flat.mutual == 0
    assert flat.mean == 0
    half = sparse.coherence(np.array([[2, 0], [1, np.sqrt(3)], [0, -1]]))
    assert half.mutual == pytest.approx(np.sqrt(3) / 2)
    np.testing.assert_allclose(half.nearest, [0.5, np.sqrt(3) / 2, np.sqrt(3) / 2])
    np.testing.assert_allclose(half.babel, [np.sqrt(3) / 2, np.sqrt(3) / 2 + 0.5])
    assert half.mean == pytest.approx((0.5 + np.sqrt(3) / 2) / 3)


def test_coherence_goes_position_by_position_and_minds_neither_scale_nor_zero_atoms():
    _, D = problem(0, k=20)
    both = sparse.coherence(np.stack([D, 7 * D[::-1]]))
    np.testing.assert_allclose(both.mutual, sparse.coherence(D).mutual)
    np.testing.assert_allclose(both.nearest[1][::-1], both.nearest[0])
    D[3] = 0
    assert sparse.coherence(D).nearest[3] == 0


def test_babel_tells_how_many_atoms_omp_is_sure_to_find():
    D = np.eye(64) + 0.004 * problem(1, f=64, k=64)[1]
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    babel = sparse.coherence(D).babel
    sure = 1 + int(np.sum(babel[:-1] + babel[1:] < 1))
    assert sure >= 5
    rng = np.random.default_rng(0)
    for _ in range(20):
        chosen = rng.permutation(64)[:sure]
        y = rng.normal(size=sure) @ D[chosen]
        assert set(sparse.omp(y[None], D, sparsity=sure).support[0]) == set(chosen)


def test_usage_counts_users_and_energy():
    codes = sparse.Codes(np.array([[0, 2], [2, -1]], np.int32), np.array([[1.0, -2.0], [3.0, 0.0]]))
    used = sparse.usage(codes, 4)
    np.testing.assert_array_equal(used.users, [1, 0, 2, 0])
    np.testing.assert_array_equal(used.energy, [1, 0, 13, 0])
    assert used.unused == 2
    stacked = sparse.Codes(np.stack([codes.support] * 3), np.stack([codes.coefficients] * 3))
    np.testing.assert_array_equal(sparse.usage(stacked, 4).unused, [2, 2, 2])
    with pytest.raises(sparse.SparseError, match="use atom 2, but the dictionary has 2"):
        sparse.usage(codes, 2)


def test_the_picture_shows_atoms_only_where_they_are_squares(tmp_path):
    Y, D = problem(2, f=16, k=20)
    sparse.picture(D, tmp_path / "all.png", sparse.omp(Y, D, sparsity=3))
    sparse.picture(D[:, :15], tmp_path / "alike.png")
    with Image.open(tmp_path / "all.png") as whole, Image.open(tmp_path / "alike.png") as alike:
        sizes, grey = (whole.size, alike.size), np.asarray(whole.convert("L"))
    assert sizes[0][0] == pytest.approx(3 * sizes[1][0], abs=3)
    assert grey.std() > 20
    with pytest.raises(sparse.SparseError, match="choose a position"):
        sparse.picture(np.stack([D, D]), tmp_path / "two.png")
    with pytest.raises(sparse.SparseError, match="give at least two"):
        sparse.coherence(D[:1])
