"""The compiled pursuit against its definition, against scikit-learn, and against the laws of the method."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psdl import sparse
from psdl.sparse.pursuits import omp as definition
from tests.sparse.problems import energies, odd, problem

DTYPES = (np.float32, np.float64)


@pytest.mark.parametrize(("f", "k", "t"), [(36, 36, 9), (36, 80, 12), (60, 20, 8), (100, 100, 25), (17, 33, 1)])
def test_float64_equals_the_definition(f, k, t):
    Y, D = problem(f + k, f=f, k=k)
    codes = sparse.omp(Y, D, sparsity=t)
    support, coefficients = definition.omp(Y, D, t)
    np.testing.assert_array_equal(codes.support, support)
    np.testing.assert_allclose(codes.coefficients, coefficients, rtol=0, atol=1e-8)


def test_float32_supports_and_energies_follow_float64():
    Y, D = problem(1, n=2000, f=100, k=100)
    exact = sparse.omp(Y, D, sparsity=25)
    codes = sparse.omp(Y.astype(np.float32), D.astype(np.float32), sparsity=25)
    assert (codes.support == exact.support).all(axis=1).mean() >= 0.995
    np.testing.assert_allclose(energies(Y, D, codes), energies(Y, D, exact), rtol=1e-4)


def test_supports_equal_scikit_learns_in_float64():
    from sklearn.linear_model import orthogonal_mp

    Y, D = problem(2, n=200, f=64, k=128)
    X = orthogonal_mp(D.T, Y.T, n_nonzero_coefs=10).T
    codes = sparse.omp(Y, D, sparsity=10)
    for row, support, values in zip(X, codes.support, codes.coefficients, strict=True):
        assert set(np.nonzero(row)[0]) == set(support)
        np.testing.assert_allclose(row[support], values, atol=1e-10)


def test_residual_is_orthogonal_to_the_chosen_atoms_and_falls_with_sparsity():
    Y, D = problem(3)
    before = np.square(Y).sum(axis=1)
    for t in range(1, 12):
        codes = sparse.omp(Y, D, sparsity=t)
        R = sparse.residual(Y, D, codes)
        inner = np.einsum("ntf,nf->nt", D[codes.support], R)
        assert np.abs(inner).max() < 1e-10
        energy = np.square(R).sum(axis=1)
        np.testing.assert_allclose(sparse.residual_norms(Y, D, codes), np.sqrt(energy), rtol=1e-12)
        assert (energy <= before + 1e-12).all()
        before = energy


def test_one_atom_is_the_best_match():
    Y, D = problem(4)
    codes = sparse.omp(Y, D, sparsity=1)
    np.testing.assert_array_equal(codes.support[:, 0], np.abs(Y @ D.T).argmax(axis=1))


def test_an_orthonormal_dictionary_keeps_the_largest_coefficients():
    Y, _ = problem(5, f=49)
    D = sparse.dct(49)
    codes = sparse.omp(Y, D, sparsity=7)
    largest = np.argsort(-np.abs(Y @ D.T), axis=1)[:, :7]
    np.testing.assert_array_equal(codes.support, largest)


def test_permuting_atoms_permutes_supports():
    Y, D = problem(6)
    order = np.random.default_rng(0).permutation(len(D))
    codes, permuted = sparse.omp(Y, D, sparsity=6), sparse.omp(Y, D[order], sparsity=6)
    np.testing.assert_array_equal(order[permuted.support], codes.support)


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 45),
    st.sampled_from([1e-6, 1.0, 1e6]),
    st.integers(0, 10**6),
    st.booleans(),
    st.booleans(),
)
def test_float64_energies_equal_the_definitions_on_odd_problems(f, k, t, scale, seed, repeat, zero):
    Y, D = odd(seed, f, k, repeat, zero)
    codes = sparse.omp(scale * Y, D, sparsity=t)
    assert codes.support.shape[1] == min(t, *D.shape)
    support, coefficients = definition.omp(scale * Y, D, codes.support.shape[1])
    expected = energies(scale * Y, D, sparse.Codes(support, coefficients))
    found = energies(scale * Y, D, codes)
    tolerance = 1e-6 * np.square(scale * Y).sum(axis=1).max()
    np.testing.assert_allclose(found, expected, atol=tolerance, rtol=0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("power", [-100, -30, 30, 100])
@pytest.mark.parametrize("pursuit", [sparse.omp, sparse.ormp, sparse.mp, sparse.threshold])
def test_codes_scale_with_signals_and_against_dictionaries_to_the_bit(pursuit, dtype, power):
    Y, D = problem(7, dtype=dtype)
    Y[3] *= dtype(1e-10)
    codes = pursuit(Y, D, sparsity=5)
    larger = pursuit(np.ldexp(Y, power), D, sparsity=5)
    np.testing.assert_array_equal(larger.support, codes.support)
    np.testing.assert_array_equal(larger.coefficients, np.ldexp(codes.coefficients, power))
    smaller = pursuit(Y, np.ldexp(D, power), sparsity=5)
    np.testing.assert_array_equal(smaller.support, codes.support)
    np.testing.assert_array_equal(smaller.coefficients, np.ldexp(codes.coefficients, -power))


def test_zero_signals_and_dependent_atoms_stop_early():
    Y, D = problem(8, n=3, f=10, k=6)
    Y[1] = 0
    D[3], D[5] = D[2], -D[2]
    codes = sparse.omp(Y, D, sparsity=6)
    assert (codes.support[1] == -1).all()
    assert (codes.coefficients[1] == 0).all()
    assert ((codes.support >= 0).sum(axis=1) <= 4).all()
    assert all(len(set(row[row >= 0])) == (row >= 0).sum() for row in codes.support)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_signal_codes_the_same_alone_in_a_batch_and_on_any_number_of_threads(dtype):
    Y, D = problem(9, n=150, f=64, k=64, dtype=dtype)
    whole = sparse.omp(Y, D, sparsity=16)
    for part in (slice(0, 1), slice(70, 71), slice(10, 140)):
        codes = sparse.omp(Y[part], D, sparsity=16, threads=1)
        np.testing.assert_array_equal(codes.support, whole.support[part])
        np.testing.assert_array_equal(codes.coefficients, whole.coefficients[part])


def test_positions_are_problems_of_their_own():
    pairs = [problem(seed, n=4, f=25, k=30) for seed in range(5)]
    Y, D = np.stack([p[0] for p in pairs]), np.stack([p[1] for p in pairs])
    codes = sparse.omp(Y, D, sparsity=6)
    prepared = sparse.omp(Y, sparse.prepare(D), sparsity=6)
    for p in range(5):
        alone = sparse.omp(Y[p], D[p], sparsity=6)
        np.testing.assert_array_equal(codes.support[p], alone.support)
        np.testing.assert_array_equal(prepared.coefficients[p], alone.coefficients)


def test_arrays_of_every_flavour_give_the_same_codes():
    Y, D = problem(10, f=30, k=40)
    codes = sparse.omp(Y, D, sparsity=5)
    frozen = Y.copy()
    frozen.flags.writeable = False
    strided = np.repeat(Y, 2, axis=0)[::2]
    for other in (frozen, strided, np.asfortranarray(Y)):
        np.testing.assert_array_equal(sparse.omp(other, np.asfortranarray(D), sparsity=5).support, codes.support)
    assert sparse.omp(Y.tolist(), D, sparsity=5).coefficients.dtype == np.float64
    assert sparse.omp((100 * Y).astype(np.int64), D, sparsity=5).coefficients.dtype == np.float64
    assert sparse.omp((10 * Y).astype(np.int16), D, sparsity=5).coefficients.dtype == np.float32
    assert len(sparse.omp(Y[:0], D, sparsity=5).support) == 0


def test_codes_of_a_larger_dictionary_leave_no_residual_but_a_sentence():
    Y, D = problem(11, k=40)
    codes = sparse.omp(Y, D, sparsity=5)
    with pytest.raises(
        sparse.SparseError, match="the codes use atom 39, but the dictionary has 20: give its own codes"
    ):
        sparse.residual(Y, D[:20], codes)
    with pytest.raises(sparse.SparseError, match="the codes use atom"):
        sparse.residual_norms(Y, D[:20], codes)


@pytest.mark.parametrize(
    ("Y", "D", "t", "words"),
    [
        (np.full((3, 4), np.nan), np.eye(4), 2, "signals must be finite, but index (0, 0) is nan"),
        (np.ones((3, 4)), np.diag([1, 1, np.inf, 1]), 2, "index (2, 2) is inf"),
        (np.ones((3, 5)), np.eye(4), 2, "do not fit"),
        (np.ones((2, 3, 4)), np.ones((3, 4, 4)), 2, "do not fit"),
        (np.float64(4), np.eye(4), 2, "must have 1 to 3 axes"),
        (np.ones(4), np.ones(4), 2, "dictionary must have 2 axes"),
        (np.ones((3, 4)), np.eye(4), 0, "at least 1"),
    ],
)
def test_bad_input_is_named(Y, D, t, words):
    with pytest.raises(sparse.SparseError) as error:
        sparse.omp(Y, D, sparsity=t)
    assert words in str(error.value)
