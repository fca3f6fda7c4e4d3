"""Dictionaries made ready: with Gram matrices, without, and stored as float16."""

from __future__ import annotations

import numpy as np
import pytest

from psdl import sparse
from psdl.sparse.pursuits import omp as definition
from tests.sparse.problems import coherent, energies, problem


@pytest.mark.parametrize(("f", "k", "t"), [(36, 36, 9), (30, 70, 12), (40, 17, 6), (152, 300, 4), (7, 5, 5)])
@pytest.mark.parametrize("make", [problem, coherent])
def test_omp_without_gram_matrices_equals_the_definition(f, k, t, make):
    Y, D = make(f + k, 20, f, k)
    codes = sparse.omp(Y, sparse.prepare(D, gram=False), sparsity=t)
    support, coefficients = definition.omp(Y, D, t)
    np.testing.assert_array_equal(codes.support, support)
    np.testing.assert_allclose(codes.coefficients, coefficients, atol=1e-8)


def test_float16_dictionaries_code_as_their_values_do():
    Y = np.random.default_rng(0).normal(size=(6, 11, 40)).astype(np.float32)
    D = np.random.default_rng(1).normal(size=(6, 75, 40)).astype(np.float16)
    half = sparse.prepare(D, half=True)
    wide = sparse.prepare(D.astype(np.float32), gram=False)
    assert half.nbytes * 2 == wide.nbytes
    codes, expected = sparse.omp(Y, half, sparsity=5), sparse.omp(Y, wide, sparsity=5)
    np.testing.assert_array_equal(codes.support, expected.support)
    np.testing.assert_array_equal(codes.coefficients, expected.coefficients)
    left = sparse.residual(Y, half, codes)
    np.testing.assert_array_equal(left, sparse.residual(Y, wide, codes))
    np.testing.assert_array_equal(left, sparse.residual(Y, D.astype(np.float32), codes))
    norms = sparse.residual_norms(Y, half, codes)
    assert norms.shape == Y.shape[:2]
    np.testing.assert_allclose(norms, np.linalg.norm(left, axis=2), rtol=1e-6)


def test_with_and_without_gram_matrices_leave_the_same():
    Y, D = problem(2, n=200, f=100, k=150, dtype=np.float32)
    kept, left_out = sparse.prepare(D), sparse.prepare(D, gram=False)
    assert left_out.nbytes < 0.6 * kept.nbytes
    a, b = (energies(Y, D, sparse.omp(Y, p, sparsity=20)) for p in (kept, left_out))
    np.testing.assert_allclose(a, b, rtol=1e-4)


def test_degenerate_signals_and_atoms_without_gram_matrices():
    Y, D = problem(3, n=4, f=10, k=6)
    Y[1], D[0] = 0, 0
    D[4], D[5] = D[2], -D[2]
    codes = sparse.omp(Y, sparse.prepare(D, gram=False), sparsity=6)
    expected = sparse.Codes(*definition.omp(Y, D, 6))
    np.testing.assert_allclose(energies(Y, D, codes), energies(Y, D, expected), atol=1e-12)
    assert ((codes.support >= 0).sum(axis=1) <= 3).all()
    assert (codes.support[1] == -1).all()


@pytest.mark.parametrize("gram", [True, False])
def test_dictionaries_far_from_one_are_scaled_and_codes_scaled_back(gram):
    Y, D = problem(4, dtype=np.float32)
    codes = sparse.omp(Y, sparse.prepare(D, gram=gram), sparsity=5)
    far = sparse.omp(Y, sparse.prepare(np.ldexp(D, 90), gram=gram), sparsity=5)
    np.testing.assert_array_equal(far.support, codes.support)
    np.testing.assert_array_equal(far.coefficients, np.ldexp(codes.coefficients, -90))
    prepared = sparse.prepare(np.ldexp(D, 90), gram=gram)
    np.testing.assert_allclose(energies(Y, prepared, far), energies(Y, D, codes), rtol=1e-4)


def test_what_a_prepared_dictionary_cannot_do_is_named():
    half = sparse.prepare(np.eye(4), half=True)
    for pursuit in (sparse.ormp, sparse.mp, sparse.threshold):
        with pytest.raises(sparse.SparseError, match="needs Gram matrices: prepare the dictionary with gram=True"):
            pursuit(np.ones((2, 4)), half, sparsity=2)
