"""ORMP, MP, thresholding and OMP to a tolerance, compiled, against their definitions and the laws they keep."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psdl import sparse
from psdl.sparse.pursuits import mp, omp, ormp, threshold
from tests.sparse.problems import coherent, energies, odd, problem

DEFINITIONS = {
    sparse.omp: omp.omp,
    sparse.ormp: ormp.ormp,
    sparse.mp: mp.mp,
    sparse.threshold: threshold.threshold,
}


@pytest.mark.parametrize(("pursuit", "definition"), DEFINITIONS.items(), ids=lambda f: f.__name__)
@pytest.mark.parametrize(("f", "k", "t"), [(36, 36, 9), (20, 50, 8), (40, 17, 6), (64, 100, 25)])
@pytest.mark.parametrize("make", [problem, coherent])
def test_float64_equals_the_definition(pursuit, definition, f, k, t, make):
    Y, D = make(f + k, 20, f, k)
    codes = pursuit(Y, D, sparsity=t)
    support, coefficients = definition(Y, D, t)
    np.testing.assert_array_equal(codes.support, support)
    np.testing.assert_allclose(codes.coefficients, coefficients, atol=1e-8)


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(list(DEFINITIONS)),
    st.integers(1, 30),
    st.integers(1, 30),
    st.integers(1, 35),
    st.integers(0, 10**6),
    st.booleans(),
    st.booleans(),
)
def test_float64_energies_equal_the_definitions_on_odd_problems(pursuit, f, k, t, seed, repeat, zero):
    Y, D = odd(seed, f, k, repeat, zero)
    codes = pursuit(Y, D, sparsity=t)
    support, coefficients = DEFINITIONS[pursuit](Y, D, t)
    found, expected = energies(Y, D, codes), energies(Y, D, sparse.Codes(support, coefficients))
    np.testing.assert_allclose(found, expected, atol=1e-6 * np.square(Y).sum(axis=1).max(), rtol=0)


@pytest.mark.parametrize("pursuit", DEFINITIONS, ids=lambda f: f.__name__)
def test_more_atoms_than_directions_are_never_taken(pursuit):
    """Rounding may let a dependent atom pass for another direction: there is no place for its code."""
    for seed in range(300):
        rng = np.random.default_rng(seed)
        f, k, t = (int(n) for n in rng.integers(1, 9, 3))
        Y, D = odd(seed, f, k, bool(seed & 1), bool(seed & 2))
        codes = pursuit(Y, D, sparsity=t)
        support, coefficients = DEFINITIONS[pursuit](Y, D, t)
        found, expected = energies(Y, D, codes), energies(Y, D, sparse.Codes(support, coefficients))
        np.testing.assert_allclose(found, expected, atol=1e-6 * np.square(Y).sum(axis=1).max(), rtol=0)


@pytest.mark.parametrize("pursuit", DEFINITIONS, ids=lambda f: f.__name__)
def test_a_signal_codes_the_same_in_any_company_and_on_any_number_of_threads(pursuit):
    Y, D = problem(1, n=150, f=48, k=60, dtype=np.float32)
    whole = pursuit(Y, D, sparsity=9, threads=3)
    for part in (slice(0, 1), slice(70, 71), slice(9, 140)):
        codes = pursuit(Y[part], D, sparsity=9, threads=1)
        np.testing.assert_array_equal(codes.support, whole.support[part])
        np.testing.assert_array_equal(codes.coefficients, whole.coefficients[part])
    positions = pursuit(np.stack([Y, Y[::-1]]), np.stack([D, D]), sparsity=9)
    np.testing.assert_array_equal(positions.support[1][::-1], whole.support)


@pytest.mark.parametrize("size", [(20, 100, 4), (100, 100, 25), (256, 256, 64), (300, 520, 70)])
def test_pursuits_of_every_working_set_follow_float64(size):
    """Signals go in groups of four, two or one, by the size of their rows: all of them are met here."""
    f, k, t = size
    Y, D = problem(2, n=23, f=f, k=k)
    for pursuit in (sparse.omp, sparse.ormp):
        exact = pursuit(Y, D, sparsity=t)
        codes = pursuit(Y.astype(np.float32), D.astype(np.float32), sparsity=t)
        assert (codes.support == exact.support).all(axis=1).mean() > 0.9
        np.testing.assert_allclose(energies(Y, D, codes), energies(Y, D, exact), rtol=2e-3)


def test_ormp_lowers_the_residual_most_in_every_step_and_ends_below_omp():
    Y, D = coherent(3, 40, 24, 40)
    codes = sparse.ormp(Y, D, sparsity=6)
    for y, support in zip(Y[:5], codes.support, strict=False):
        for t in range(1, 6):
            left = [
                np.linalg.lstsq(D[[*support[:t], k]].T, y, rcond=None)[1] if k not in support[:t] else [np.inf]
                for k in range(len(D))
            ]
            assert np.argmin([float(e[0]) for e in left]) == support[t]
    assert energies(Y, D, codes).mean() < energies(Y, D, sparse.omp(Y, D, sparsity=6)).mean()


def test_mp_takes_an_atom_again_and_falls_step_by_step():
    Y, D = coherent(4, 30, 20, 25)
    before = np.square(Y).sum(axis=1)
    again = 0
    for steps in (1, 3, 9, 20):
        codes = sparse.mp(Y, D, sparsity=steps)
        energy = energies(Y, D, codes)
        assert (energy <= before + 1e-12).all()
        before = energy
        again += (codes.support[:, -1] == -1).sum()
    assert again > 0


def test_thresholding_keeps_the_atoms_that_correlate_most():
    Y, D = problem(5)
    codes = sparse.threshold(Y, D, sparsity=7)
    expected = np.argsort(-np.abs(Y @ D.T), axis=1)[:, :7]
    np.testing.assert_array_equal(codes.support, expected)
    inner = np.einsum("ntf,nf->nt", D[codes.support], sparse.residual(Y, D, codes))
    assert np.abs(inner).max() < 1e-10


def test_thresholding_leaves_out_copies():
    Y, D = problem(6, f=20, k=10)
    codes = sparse.threshold(Y, np.repeat(D, 2, axis=0), sparsity=6)
    assert ((codes.support >= 0).sum(axis=1) == 3).all()
    assert (codes.support[:, :3] % 2 == 0).all()


@pytest.mark.parametrize("pursuit", [sparse.omp, sparse.ormp, sparse.mp], ids=lambda f: f.__name__)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_tolerance_ends_each_signal_at_the_first_step_below_it(pursuit, dtype):
    Y, D = problem(7, n=40, f=30, k=60, dtype=dtype)
    energy = np.square(Y).sum(axis=1)
    enough = float(np.median(energy)) / 4
    codes = pursuit(Y, D, tolerance=enough)
    assert codes.support.shape[1] == (codes.support >= 0).sum(axis=1).max()
    assert (energies(Y, D, codes) <= enough * 1.001).all()
    counts = (codes.support >= 0).sum(axis=1)
    assert counts.min() < counts.max()
    if pursuit is not sparse.mp:
        for n in (0, 5, 11):
            shorter = pursuit(Y[n : n + 1], D, sparsity=counts[n] - 1) if counts[n] > 1 else None
            if shorter:
                assert energies(Y[n : n + 1], D, shorter)[0] > enough
    capped = pursuit(Y, D, sparsity=3, tolerance=enough)
    np.testing.assert_array_equal(capped.support[counts >= 3], codes.support[counts >= 3, :3])


def test_a_tolerance_equals_scikit_learns_and_the_definitions():
    from sklearn.linear_model import orthogonal_mp

    Y, D = problem(8, n=30, f=40, k=60)
    codes = sparse.omp(Y, D, tolerance=8.0)
    support, _ = omp.omp(Y, D, 40, 8.0)
    np.testing.assert_array_equal(codes.support, support[:, : codes.support.shape[1]])
    assert (support[:, codes.support.shape[1] :] == -1).all()
    theirs = orthogonal_mp(D.T, Y.T, tol=8.0).T
    for row, chosen in zip(theirs, codes.support, strict=True):
        assert set(np.nonzero(row)[0]) == set(chosen[chosen >= 0])


def test_signals_within_the_tolerance_get_no_atoms():
    codes = sparse.omp(np.full((3, 4), 0.1), np.eye(4), tolerance=0.05)
    assert (codes.support == -1).all()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "needs sparsity, the number of atoms, or tolerance"),
        ({"tolerance": -1.0}, "at least 0, not -1"),
        ({"tolerance": float("nan")}, "at least 0, not nan"),
    ],
)
def test_what_is_missing_is_named(given, words):
    with pytest.raises(sparse.SparseError, match=words):
        sparse.omp(np.ones((2, 4)), np.eye(4), **given)
