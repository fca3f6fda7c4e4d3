"""The torch functions on torch's CPU device against the compiled ones (make test-torch)."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from psdl import sparse
from tests.sparse.problems import coherent, energies, problem, structured

INSTALLED = importlib.util.find_spec("torch") is not None
needs_torch = pytest.mark.skipif(not INSTALLED, reason="torch is not installed (make test-torch)")
CPU = "cpu:0"  # torch's CPU device: "cpu" alone means the compiled functions


@needs_torch
@pytest.mark.parametrize("pursuit", [sparse.omp, sparse.ormp], ids=lambda f: f.__name__)
@pytest.mark.parametrize(("f", "k", "t"), [(36, 36, 9), (40, 17, 17), (100, 100, 25), (30, 80, 10)])
@pytest.mark.parametrize("make", [problem, coherent])
def test_float64_codes_equal_the_compiled_ones(pursuit, f, k, t, make):
    Y, D = make(f + k, 40, f, k)
    codes, expected = pursuit(Y, D, sparsity=t, device=CPU), pursuit(Y, D, sparsity=t)
    np.testing.assert_array_equal(codes.support, expected.support)
    np.testing.assert_allclose(codes.coefficients, expected.coefficients, atol=1e-8)


@needs_torch
def test_float32_supports_and_energies_agree():
    Y, D = problem(1, n=3000, f=100, k=100, dtype=np.float32)
    codes, expected = sparse.omp(Y, D, sparsity=25, device=CPU), sparse.omp(Y, D, sparsity=25)
    assert (np.sort(codes.support) == np.sort(expected.support)).all(axis=1).mean() >= 0.99
    np.testing.assert_allclose(energies(Y, D, codes).sum(), energies(Y, D, expected).sum(), rtol=1e-4)


@needs_torch
def test_tolerances_zero_signals_copies_and_prepared_dictionaries():
    Y, D = problem(2, n=30, f=20, k=30)
    Y[3], D[5] = 0, D[4]
    for given in ({"tolerance": 5.0}, {"sparsity": 20}, {"sparsity": 6, "tolerance": 3.0}):
        np.testing.assert_array_equal(
            sparse.omp(Y, D, device=CPU, **given).support, sparse.omp(Y, D, **given).support
        )
    half = sparse.prepare(D, half=True)
    np.testing.assert_array_equal(
        sparse.omp(Y, half, sparsity=4, device=CPU).support, sparse.omp(Y, half, sparsity=4).support
    )


@needs_torch
@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("k", [16, 40])
def test_learning_agrees_in_float64_position_by_position(k, replace):
    Y = np.stack([structured(s, 70, 16) for s in range(3)])
    start = sparse.random(16, k, seed=k)
    D, codes = sparse.learn(Y, start, sparsity=3, rounds=4, replace=replace, device=CPU)
    expected, expected_codes = sparse.learn(Y, start, sparsity=3, rounds=4, replace=replace)
    np.testing.assert_allclose(D, expected, atol=1e-7)
    np.testing.assert_array_equal(codes.support, expected_codes.support)
    np.testing.assert_allclose(codes.coefficients, expected_codes.coefficients, atol=1e-7)


@needs_torch
def test_chunks_do_not_change_results(monkeypatch):
    from psdl.sparse import torch

    Y, D = problem(3, n=101, f=24, k=30)
    positions = np.stack([Y, Y[::-1], 2 * Y]), np.stack([D, D[::-1], D])
    whole = sparse.omp(*positions, sparsity=5, device=CPU)
    learned, _ = sparse.learn(positions[0], D, sparsity=3, rounds=2, device=CPU)
    monkeypatch.setattr(torch, "PLAIN", 100_000)
    parts = sparse.omp(*positions, sparsity=5, device=CPU)
    np.testing.assert_array_equal(parts.support, whole.support)
    np.testing.assert_allclose(parts.coefficients, whole.coefficients, atol=1e-10)
    np.testing.assert_allclose(
        sparse.learn(positions[0], D, sparsity=3, rounds=2, device=CPU)[0], learned, atol=1e-9
    )


@needs_torch
@pytest.mark.parametrize("pursuit", [sparse.omp, sparse.ormp], ids=lambda f: f.__name__)
@pytest.mark.parametrize(("f", "k", "t"), [(36, 36, 9), (40, 17, 17), (30, 80, 10)])
def test_long_codes_by_triangles_equal_the_compiled_ones(monkeypatch, pursuit, f, k, t):
    from psdl.sparse import torch

    monkeypatch.setattr(torch, "LONG", 2)
    Y, D = coherent(f + k, 40, f, k)
    codes, expected = pursuit(Y, D, sparsity=t, device=CPU), pursuit(Y, D, sparsity=t)
    np.testing.assert_array_equal(codes.support, expected.support)
    np.testing.assert_allclose(codes.coefficients, expected.coefficients, atol=1e-8)


@needs_torch
def test_limits_of_each_signal_and_atoms_of_any_norm():
    Y, D = problem(4, n=30, f=20, k=30)
    D[7] *= 1e5
    for given in ({"sparsity": np.arange(1, 31)}, {"tolerance": np.linspace(0.1, 9, 30)}):
        codes, expected = sparse.omp(Y, D, device=CPU, **given), sparse.omp(Y, D, **given)
        np.testing.assert_array_equal(codes.support, expected.support)


@needs_torch
def test_a_device_that_is_not_there_is_named():
    with pytest.raises(sparse.SparseError, match="torch finds no device 'cuda:7'"):
        sparse.omp(np.ones((2, 4)), np.eye(4), sparsity=1, device="cuda:7")


def test_what_a_device_cannot_do_and_a_missing_torch_are_named(monkeypatch):
    with pytest.raises(sparse.SparseError, match="callback and stop work on the CPU only"):
        sparse.learn(np.ones((4, 4)), np.eye(4), sparsity=1, rounds=1, stop=0.1, device="cuda")
    with pytest.raises(sparse.SparseError, match="runs on the CPU only"):
        sparse.learn(np.ones((4, 4)), np.eye(4), sparsity=1, rounds=1, learner="exact", device="cuda")
    monkeypatch.setitem(__import__("sys").modules, "psdl.sparse.torch", None)
    with pytest.raises(sparse.SparseError, match="needs torch: pip install torch"):
        sparse.omp(np.ones((2, 4)), np.eye(4), sparsity=1, device="cuda")
