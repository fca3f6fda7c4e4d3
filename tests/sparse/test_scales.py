"""Signals and atoms of any scale and norm: the same codes as near 1, the same alone as in any company."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psdl import sparse
from tests.sparse.problems import problem, structured

PURSUITS = {
    "omp": sparse.omp,
    "ormp": sparse.ormp,
    "mp": sparse.mp,
    "threshold": sparse.threshold,
    "nonnegative": sparse.nonnegative_omp,
    "no gram": lambda Y, D, **given: sparse.omp(Y, sparse.prepare(D, gram=False), **given),
    "weighted": lambda Y, D, **given: sparse.weighted_omp(Y, np.ones(Y.shape), D, **given),
}
POWERS = {np.float32: 83, np.float64: 450}


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(list(PURSUITS)), st.sampled_from(list(POWERS)), st.integers(0, 10**6), st.booleans())
def test_a_signal_codes_the_same_among_signals_of_other_scales(name, dtype, seed, tolerant):
    rng = np.random.default_rng(seed)
    Y, D = problem(seed, n=6, f=12, k=20, dtype=dtype)
    powers = rng.integers(-POWERS[dtype], POWERS[dtype], len(Y))
    mixed = np.ldexp(Y, powers[:, None])
    given = {"sparsity": 5}
    if tolerant and name != "threshold":
        given["tolerance"] = np.ldexp(0.2 * np.square(Y, dtype=float).sum(axis=1), 2 * powers)
    codes = PURSUITS[name](mixed, D, **given)
    for n in range(len(Y)):
        own = {key: value[n] if np.ndim(value) else value for key, value in given.items()}
        alone = PURSUITS[name](mixed[n : n + 1], D, **own)
        np.testing.assert_array_equal(alone.support[0], codes.support[n])
        np.testing.assert_array_equal(alone.coefficients[0], codes.coefficients[n])
        near = PURSUITS[name](
            Y[n], D, **{k: np.ldexp(v, -2 * powers[n]) if k == "tolerance" else v for k, v in own.items()}
        )
        np.testing.assert_array_equal(near.support, codes.support[n])


@pytest.mark.parametrize("scale", [1e39, 1e60, 1e-50, 1e-200])
def test_float64_signals_keep_their_scale_with_a_float32_dictionary(scale):
    Y, D = problem(0, n=5, f=16, k=24)
    prepared = sparse.prepare(D.astype(np.float32))
    codes, near = sparse.omp(scale * Y, prepared, sparsity=4), sparse.omp(Y, prepared, sparsity=4)
    np.testing.assert_array_equal(codes.support, near.support)
    np.testing.assert_allclose(codes.coefficients / scale, near.coefficients, rtol=1e-5)
    left = sparse.residual_norms(scale * Y, prepared, codes)
    np.testing.assert_allclose(left / scale, sparse.residual_norms(Y, prepared, near), rtol=1e-4)


def test_coefficients_beyond_their_dtype_are_refused():
    Y, D = problem(1, n=3, dtype=np.float32)
    with pytest.raises(sparse.SparseError, match="exceed what float32 holds"):
        sparse.omp(1e30 * Y, 1e-30 * D, sparsity=3)
    assert np.isfinite(sparse.omp(1e30 * Y.astype(float), 1e-30 * D.astype(float), sparsity=3).coefficients).all()


@pytest.mark.parametrize(
    ("dtype", "scale"), [(np.float32, 1e25), (np.float32, 1e-25), (np.float64, 1e200), (np.float64, 1e-200)]
)
def test_initialisers_statistics_and_norms_do_not_mind_the_scale(dtype, scale):
    Y, D = problem(2, n=40, f=16, k=24, dtype=dtype)
    far = (Y * dtype(scale)).astype(dtype)
    for make in (sparse.drawn, sparse.spread, sparse.cover):
        np.testing.assert_allclose(make(far, 5), make(Y, 5), rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(sparse.covering(far, 9), sparse.covering(Y, 9))
    np.testing.assert_allclose(
        sparse.coherence((D * dtype(scale)).astype(dtype)).babel, sparse.coherence(D).babel, rtol=1e-4
    )
    np.testing.assert_allclose(sparse.norms(far) / dtype(scale), sparse.norms(Y), rtol=1e-5)
    codes = sparse.omp(far, D, sparsity=3)
    left = sparse.residual_norms(far, D, codes) / dtype(scale)
    np.testing.assert_allclose(left, sparse.residual_norms(Y, D, sparse.omp(Y, D, sparsity=3)), rtol=1e-4)


@pytest.mark.parametrize("scale", [1e25, 1e-25])
def test_chunks_of_any_float32_scale_teach_the_same(scale):
    Y, D = structured(3, 90, 16).astype(np.float32), sparse.random(16, 24)
    state, far = (sparse.online(values, D, sparsity=3) for values in (Y, (Y * np.float32(scale))))
    np.testing.assert_allclose(far.dictionary, state.dictionary, atol=2e-4)
    with pytest.raises(sparse.SparseError, match="cannot be squared and summed in float64"):
        sparse.online(1e200 * Y.astype(float), D, sparsity=3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("norm", [1e-3, 0.03, 1, 1e3, 1e6])
@pytest.mark.parametrize("gram", [True, False])
def test_codes_end_where_nothing_correlates_whatever_the_norm_of_atoms(dtype, norm, gram):
    D, rng = sparse.random(64, 128, 3), np.random.default_rng(4)
    X = np.zeros((20, 128))
    for row in X:
        row[rng.choice(128, 3, replace=False)] = rng.choice([-1, 1], 3) * (1 + rng.random(3))
    Y = (X @ D).astype(dtype)
    codes = sparse.omp(Y, sparse.prepare((D * norm).astype(dtype), gram=gram), sparsity=20)
    assert ((codes.support >= 0).sum(axis=1) == 3).all()
    np.testing.assert_allclose(codes.to_dense() * norm, X, atol=1e-3 if dtype == np.float32 else 1e-9)


@pytest.mark.parametrize("big", [1e2, 1e4, 1e6, 1e9])
@pytest.mark.parametrize("pursue", [sparse.omp, sparse.ormp, sparse.mp], ids=lambda f: f.__name__)
def test_one_long_atom_does_not_end_the_code_of_signals_without_it(pursue, big):
    D, rng = sparse.random(64, 96, 5), np.random.default_rng(6)
    D = np.linalg.qr(D.T)[0].T[:40]
    X = np.zeros((10, 40))
    for row in X:
        row[1 + rng.choice(39, 3, replace=False)] = 1 + rng.random(3)
    Y = X @ D
    D[0] *= big
    codes = pursue(Y, D, sparsity=8)
    assert (sparse.residual_norms(Y, D, codes) < 1e-6 * np.linalg.norm(Y, axis=1)).all()


@pytest.mark.parametrize("pursue", [sparse.omp, sparse.ormp, sparse.mp], ids=lambda f: f.__name__)
@pytest.mark.parametrize("share", [1e-2, 1e-4, 1e-6, 1e-8, 1e-11])
def test_float32_signals_reach_small_tolerances(pursue, share):
    Y, D = problem(7, n=60, f=32, k=128)
    Y = (Y / np.linalg.norm(Y, axis=1, keepdims=True)).astype(np.float32)
    D = D.astype(np.float32)
    codes = pursue(Y, D, tolerance=share)
    left = np.square(Y - codes.to_dense().astype(float) @ D).sum(axis=1)
    assert (left <= 1.001 * share + 1e-13).all()
    assert codes.coefficients.dtype == np.float32
    alone = pursue(Y[7], D, tolerance=share)
    np.testing.assert_array_equal(alone.coefficients, codes.coefficients[7, : len(alone.coefficients)])


def test_atoms_lost_beside_much_longer_ones_are_named():
    D = np.eye(4, dtype=np.float32)
    D[2] *= np.float32(1e-30)
    with pytest.raises(sparse.SparseError, match="atom 2 of the dictionary is too short beside the longest"):
        sparse.omp(np.ones((2, 4), np.float32), D, sparsity=2)


@pytest.mark.parametrize("factor", [0.3, 0.01, 1e-20, 1e20])
@pytest.mark.parametrize("way", ["learn", "online"])
def test_start_atoms_of_unequal_norm_are_normalised(factor, way):
    Y = structured(8, 300, 16)
    start = sparse.drawn(Y, 32, 2)
    uneven = start.copy()
    uneven[::2] *= factor
    found = [_learned(Y, D, way) for D in (start, uneven)]
    np.testing.assert_allclose(found[1], found[0], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(found[1], axis=1), 1, atol=1e-9)


def _learned(Y, start, way):
    if way == "learn":
        return sparse.learn(Y, start, sparsity=3, rounds=3, replace=False)[0]
    state = start
    for _ in range(3):
        state = sparse.online(Y, state, sparsity=3)
    return state.dictionary
