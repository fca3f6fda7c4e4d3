"""Approximate K-SVD, compiled, against its definition and the laws of the method."""

from __future__ import annotations

import numpy as np
import pytest

from psdl import sparse
from psdl.sparse.learners import ksvd


def signals(seed, n, f):
    """Signals with structure: sparse in a hidden dictionary, plus noise."""
    rng = np.random.default_rng(seed)
    D = rng.normal(size=(2 * f, f))
    X = rng.normal(size=(n, 2 * f)) * (rng.random((n, 2 * f)) < 0.05)
    return X @ D + 0.05 * rng.normal(size=(n, f))


@pytest.mark.parametrize(("n", "f", "t", "rounds"), [(60, 16, 4, 5), (40, 36, 9, 3), (200, 25, 3, 8)])
def test_float64_equals_the_definition(n, f, t, rounds):
    Y = signals(n, n, f)
    D, codes = sparse.learn(Y, sparse.dct(f), sparsity=t, rounds=rounds)
    expected, support, coefficients = ksvd.learn(Y, sparse.dct(f), t, rounds)
    np.testing.assert_allclose(D, expected, atol=1e-8)
    np.testing.assert_array_equal(codes.support, support)
    np.testing.assert_allclose(codes.coefficients, coefficients, atol=1e-8)


def test_float32_codes_as_well_as_float64():
    Y = signals(1, 150, 36)
    energies = []
    for dtype in (np.float64, np.float32):
        D, codes = sparse.learn(Y.astype(dtype), sparse.dct(36), sparsity=6, rounds=5)
        energies.append(float(np.square(sparse.residual(Y.astype(dtype), D, codes)).sum()))
    assert energies[1] == pytest.approx(energies[0], rel=0.02)


def test_an_atom_update_never_raises_the_energy():
    Y = signals(2, 80, 25)
    D = sparse.dct(25)
    support, coefficients = sparse.omp(Y, D, sparsity=4)
    X = ksvd.dense(support, coefficients, 25)
    energy = np.square(Y - X @ D).sum()
    for k in range(25):
        ksvd._update(k, Y, D, X)
        now = np.square(Y - X @ D).sum()
        assert now <= energy + 1e-9
        energy = now


def test_atoms_have_unit_norm_and_unused_ones_stay():
    Y = np.zeros((20, 16))
    Y[:, 0] = np.linspace(1, 2, 20)
    D, codes = sparse.learn(Y, np.eye(16), sparsity=1, rounds=3)
    np.testing.assert_allclose(np.linalg.norm(D, axis=1), 1, atol=1e-12)
    np.testing.assert_array_equal(D[1:], np.eye(16)[1:])
    assert (codes.support[:, 0] == 0).all()


def test_learning_lowers_the_energy_of_structured_signals():
    Y = signals(3, 300, 36)
    start = np.square(sparse.residual(Y, sparse.dct(36), sparse.omp(Y, sparse.dct(36), sparsity=4))).sum()
    D, codes = sparse.learn(Y, sparse.dct(36), sparsity=4, rounds=10)
    assert np.square(sparse.residual(Y, D, codes)).sum() < 0.6 * start


def test_positions_learn_as_alone_on_any_number_of_threads():
    Y = np.stack([signals(s, 30, 16) for s in range(6)]).astype(np.float32)
    told = []
    D, codes = sparse.learn(Y, sparse.dct(16), sparsity=4, rounds=3, threads=2, progress=told.append)
    assert sum(told) == 6
    for p in range(6):
        alone, alone_codes = sparse.learn(Y[p], sparse.dct(16), sparsity=4, rounds=3, threads=1)
        np.testing.assert_array_equal(D[p], alone)
        np.testing.assert_array_equal(codes.support[p], alone_codes.support)


def test_fewer_signals_than_atoms_and_all_zero_signals_are_learned_from():
    D, codes = sparse.learn(signals(4, 3, 16), sparse.dct(16), sparsity=4, rounds=3)
    assert np.isfinite(D).all()
    D, codes = sparse.learn(np.zeros((5, 16)), sparse.dct(16), sparsity=4, rounds=2)
    np.testing.assert_allclose(D, sparse.dct(16))
    assert (codes.support == -1).all()


def test_the_dct_is_orthonormal_and_starts_with_the_constant():
    D = sparse.dct(49)
    np.testing.assert_allclose(D @ D.T, np.eye(49), atol=1e-12)
    np.testing.assert_allclose(D[0], 1 / 7)
    with pytest.raises(sparse.SparseError, match="square signal length, not 50: use 49"):
        sparse.dct(50)


def test_bad_arguments_are_named():
    with pytest.raises(sparse.SparseError, match="rounds must be at least 1"):
        sparse.learn(np.ones((4, 16)), sparse.dct(16), sparsity=2, rounds=0)
    with pytest.raises(sparse.SparseError, match="need one start dictionary"):
        sparse.learn(np.ones((4, 16)), np.ones((2, 16, 16)), sparsity=2, rounds=1)
