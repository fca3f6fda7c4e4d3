"""Approximate K-SVD, compiled, against its definition and the laws of the method."""

from __future__ import annotations

import numpy as np
import pytest

from psdl import sparse
from psdl.sparse.learners import ksvd
from tests.sparse.problems import energies, problem, structured


@pytest.mark.parametrize(("n", "f", "t", "rounds"), [(60, 16, 4, 5), (40, 36, 9, 3), (200, 25, 3, 8)])
def test_float64_equals_the_definition(n, f, t, rounds):
    Y = structured(n, n, f)
    D, codes = sparse.learn(Y, sparse.dct(f), sparsity=t, rounds=rounds)
    expected, support, coefficients = ksvd.learn(Y, sparse.dct(f), t, rounds)
    np.testing.assert_allclose(D, expected, atol=1e-8)
    np.testing.assert_array_equal(codes.support, support)
    np.testing.assert_allclose(codes.coefficients, coefficients, atol=1e-8)


def test_float32_codes_as_well_as_float64():
    Y = structured(1, 150, 36)
    energies = []
    for dtype in (np.float64, np.float32):
        D, codes = sparse.learn(Y.astype(dtype), sparse.dct(36), sparsity=6, rounds=5)
        energies.append(float(np.square(sparse.residual(Y.astype(dtype), D, codes)).sum()))
    assert energies[1] == pytest.approx(energies[0], rel=0.02)


def test_an_atom_update_never_raises_the_energy():
    Y = structured(2, 80, 25)
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
    D, codes = sparse.learn(Y, np.eye(16), sparsity=1, rounds=3, replace=False)
    np.testing.assert_allclose(np.linalg.norm(D, axis=1), 1, atol=1e-12)
    np.testing.assert_array_equal(D[1:], np.eye(16)[1:])
    assert (codes.support[:, 0] == 0).all()


def test_learning_lowers_the_energy_of_structured_signals():
    Y = structured(3, 300, 36)
    start = np.square(sparse.residual(Y, sparse.dct(36), sparse.omp(Y, sparse.dct(36), sparsity=4))).sum()
    D, codes = sparse.learn(Y, sparse.dct(36), sparsity=4, rounds=10)
    assert np.square(sparse.residual(Y, D, codes)).sum() < 0.6 * start


def test_positions_learn_as_alone_on_any_number_of_threads():
    Y = np.stack([structured(s, 30, 16) for s in range(6)]).astype(np.float32)
    told = []
    D, codes = sparse.learn(Y, sparse.dct(16), sparsity=4, rounds=3, threads=2, progress=told.append)
    assert sum(told) == 6 * 3
    for p in range(6):
        alone, alone_codes = sparse.learn(Y[p], sparse.dct(16), sparsity=4, rounds=3, threads=1)
        np.testing.assert_array_equal(D[p], alone)
        np.testing.assert_array_equal(codes.support[p], alone_codes.support)


def test_fewer_signals_than_atoms_and_all_zero_signals_are_learned_from():
    D, codes = sparse.learn(structured(4, 3, 16), sparse.dct(16), sparsity=4, rounds=3)
    assert np.isfinite(D).all()
    D, codes = sparse.learn(np.zeros((5, 16)), sparse.dct(16), sparsity=4, rounds=2)
    np.testing.assert_allclose(D, sparse.dct(16))
    assert (codes.support == -1).all()


def test_bad_arguments_are_named():
    with pytest.raises(sparse.SparseError, match="rounds must be at least 1"):
        sparse.learn(np.ones((4, 16)), sparse.dct(16), sparsity=2, rounds=0)
    with pytest.raises(sparse.SparseError, match="need one start dictionary"):
        sparse.learn(np.ones((4, 16)), np.ones((2, 16, 16)), sparsity=2, rounds=1)
    with pytest.raises(sparse.SparseError, match="learner must be"):
        sparse.learn(np.ones((4, 16)), sparse.dct(16), sparsity=2, rounds=1, learner="best")


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("name", ["approximate", "exact"])
@pytest.mark.parametrize(("n", "k"), [(60, 16), (60, 40), (12, 30)])
def test_every_learner_equals_its_definition(name, replace, n, k):
    Y, start = structured(n + k, n, 16), sparse.random(16, k, seed=k)
    D, codes = sparse.learn(Y, start, sparsity=3, rounds=4, learner=name, replace=replace)
    update = {"approximate": ksvd.approximate, "exact": ksvd.exact}[name]
    expected, support, coefficients = ksvd.learn(Y, start, 3, 4, update, replace)
    np.testing.assert_allclose(D, expected, atol=1e-7)
    np.testing.assert_array_equal(codes.support, support)
    np.testing.assert_allclose(codes.coefficients, coefficients, atol=1e-7)


def test_an_exact_update_leaves_less_than_an_approximate_one():
    rest, old = problem(0, n=30, f=12, k=1)
    g = rest @ old[0]
    left = []
    for update in (ksvd.approximate, ksvd.exact):
        atom, values = update(rest, old[0], g)
        assert atom @ atom == pytest.approx(1)
        left.append(np.square(rest - np.outer(values, atom)).sum())
    assert left[1] == pytest.approx(np.square(np.linalg.svd(rest)[1][1:]).sum())
    assert left[1] < left[0]


def test_replacing_brings_unused_atoms_into_use():
    Y = structured(5, 200, 16)
    start = np.concatenate([sparse.dct(16), np.tile(sparse.dct(16)[:1], (16, 1))])  # half of it never chosen
    kept, kept_codes = sparse.learn(Y, start, sparsity=3, rounds=6, replace=False)
    new, new_codes = sparse.learn(Y, start, sparsity=3, rounds=6, replace=True)
    assert sparse.usage(kept_codes, 32).unused >= 8
    assert sparse.usage(new_codes, 32).unused <= 3
    assert energies(Y, new, new_codes).sum() < 0.9 * energies(Y, kept, kept_codes).sum()


def test_one_position_on_many_threads_learns_the_same_bits_as_on_one():
    Y = structured(6, 150, 25).astype(np.float32)
    told = []
    many, many_codes = sparse.learn(Y, sparse.dct(25), sparsity=4, rounds=4, threads=3, progress=told.append)
    one, one_codes = sparse.learn(Y, sparse.dct(25), sparsity=4, rounds=4, threads=1)
    np.testing.assert_array_equal(many, one)
    np.testing.assert_array_equal(many_codes.coefficients, one_codes.coefficients)
    assert sum(told) == 4


@pytest.mark.parametrize("power", [-90, 90])
def test_learning_does_not_mind_the_scale_of_signals(power):
    Y = structured(7, 80, 16).astype(np.float32)
    D, codes = sparse.learn(Y, sparse.dct(16), sparsity=3, rounds=3)
    scaled, scaled_codes = sparse.learn(np.ldexp(Y, power), sparse.dct(16), sparsity=3, rounds=3)
    np.testing.assert_allclose(scaled, D, atol=1e-5)
    np.testing.assert_allclose(np.ldexp(scaled_codes.coefficients, -power), codes.coefficients, atol=1e-4)


@pytest.mark.parametrize(
    "rest",
    [
        np.eye(7),
        np.ones((5, 3)),
        np.outer(np.arange(6), np.arange(4)),
        np.diag([1, 1 - 1e-9, 0.5]),
        np.array([[0.0, 3, 4]]),
        np.repeat([[1.0, -1, 0], [-1, 1, 0], [0, 0, 9]], 2, axis=0),
        problem(0, n=300, f=40, k=1)[0],
        problem(1, n=12, f=100, k=1)[0],
        1e-12 * problem(2, n=30, f=30, k=1)[0],
    ],
    ids=range(9),
)
def test_the_leading_singular_pair_of_awkward_matrices(rest):
    from psdl.sparse.learners.exact_cpu import STEPS, leading

    rest = np.ascontiguousarray(rest, np.float64)
    n, f = rest.shape
    v, u, w = np.linspace(1, 2, f), np.empty(n), np.empty(f)
    assert leading(rest, n, v, u, w, np.empty((STEPS, f)))
    assert np.linalg.norm(v) == pytest.approx(1)
    assert np.linalg.norm(u) == pytest.approx(np.linalg.svd(rest)[1][0], rel=1e-10)
    np.testing.assert_allclose(u, rest @ v, atol=1e-12 * np.abs(rest).max())
