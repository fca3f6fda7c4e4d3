"""Initial dictionaries."""

from __future__ import annotations

import numpy as np
import pytest

from psdl import sparse
from tests.sparse.problems import problem, structured


@pytest.mark.parametrize("start", [sparse.dct, sparse.haar])
@pytest.mark.parametrize("length", [1, 4, 16, 64, 256])
def test_square_starts_are_orthonormal_and_begin_with_the_constant(start, length):
    D = start(length)
    np.testing.assert_allclose(D @ D.T, np.eye(length), atol=1e-12)
    np.testing.assert_allclose(D[0], 1 / np.sqrt(length))


def test_the_dct_is_the_type_two_one():
    D = sparse.dct(49)
    i = np.arange(7) + 0.5
    atom = np.outer(np.cos(i * 2 * np.pi / 7), np.cos(i * 3 * np.pi / 7)) * 2 / 7
    np.testing.assert_allclose(D[2 * 7 + 3], atom.ravel(), atol=1e-12)


def test_haar_atoms_are_differences_of_neighbouring_blocks():
    np.testing.assert_allclose(sparse.haar(4) * 2, [[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])
    assert set(np.unique(np.sign(sparse.haar(64)))) == {-1, 0, 1}


@pytest.mark.parametrize("atoms", [16, 64, 100, 256])
def test_the_dct_may_have_more_or_fewer_atoms_than_numbers(atoms):
    D = sparse.dct(64, atoms)
    assert D.shape == (atoms, 64)
    np.testing.assert_allclose(np.linalg.norm(D, axis=1), 1)
    np.testing.assert_allclose(D[1:].sum(axis=1), 0, atol=1e-12)
    if atoms >= 64:
        assert np.linalg.matrix_rank(D) == 64


def test_random_atoms_have_unit_norm_and_come_from_their_seed():
    D = sparse.random(30, 50, seed=3)
    np.testing.assert_allclose(np.linalg.norm(D, axis=1), 1)
    np.testing.assert_array_equal(D, sparse.random(30, 50, seed=3))
    assert np.abs(D - sparse.random(30, 50, seed=4)).max() > 0.1


@pytest.mark.parametrize("start", [sparse.drawn, sparse.spread])
def test_starts_from_data_are_normalised_signals_without_repetition(start):
    Y = np.stack([structured(0, 60, 16), structured(1, 60, 16)])
    Y[:, :20] = 0
    D = start(Y, 40, seed=5)
    assert D.shape == (2, 40, 16)
    for p in range(2):
        cosines = (Y[p, 20:] @ D[p].T) / np.linalg.norm(Y[p, 20:], axis=1, keepdims=True)
        assert sorted(cosines.argmax(axis=0)) == list(range(40))
        np.testing.assert_allclose(cosines.max(axis=0), 1)
    np.testing.assert_array_equal(start(Y, 5, seed=5), start(Y, 5, seed=5))
    np.testing.assert_array_equal(start(Y[0], 5, seed=5), start(Y, 5, seed=5)[0])


def test_spread_signals_find_rare_directions_that_drawn_ones_miss():
    common, _ = problem(0, n=1, f=20)
    rare = np.eye(20)[:4]
    Y = np.concatenate([np.repeat(common, 400, axis=0), rare]) + 1e-3 * problem(1, n=404, f=20)[0]
    found = [
        (np.abs(rare @ start(Y, 5, seed=1).T).max(axis=1) > 0.9).sum() for start in (sparse.drawn, sparse.spread)
    ]
    assert found[0] <= 1
    assert found[1] == 4


def test_spread_takes_copies_only_when_nothing_else_is_left():
    Y = np.repeat(np.eye(3), 4, axis=0)
    D = sparse.spread(Y, 5)
    assert len(np.unique(D[:3], axis=0)) == 3
    assert D.shape == (5, 3)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: sparse.dct((8, 0)), "each side of a patch must be at least 1, not 0"),
        (lambda: sparse.dct(49, 2.5), "atoms must be a whole number, not 2.5"),
        (lambda: sparse.haar(36), "signals of 4\\^n numbers, not 36: use 64"),
        (lambda: sparse.haar(0), "at least 1, not 0"),
        (lambda: sparse.random(0, 3), "the length of signals must be at least 1, not 0"),
        (lambda: sparse.drawn(np.zeros((9, 4)), 2), "2 atoms need as many signals that are not zero, not 0"),
        (lambda: sparse.spread(np.ones((2, 3, 4)), 4), "not 3 at position 0"),
        (lambda: sparse.drawn(np.ones((3, 4)), 0), "atoms must be at least 1, not 0"),
    ],
)
def test_what_does_not_fit_is_named(make, words):
    with pytest.raises(sparse.SparseError, match=words):
        make()
