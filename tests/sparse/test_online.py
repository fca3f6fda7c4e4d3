"""Learning from chunks of signals."""

from __future__ import annotations

import numpy as np
import pytest

from psdl import sparse
from psdl.sparse.learners import online as definition
from tests.sparse.problems import energies, structured


def test_chunks_equal_the_definition():
    Y, start = structured(0, 90, 16), sparse.random(16, 24)
    state, expected = start, (start, np.zeros((24, 24)), np.zeros((24, 16)))
    for chunk in np.split(Y, 3):
        state = sparse.online(chunk, state, sparsity=3, keep=0.8)
        expected = definition.absorb(chunk, *expected, 3, 0.8)
    for found, value in zip(state, expected, strict=True):
        np.testing.assert_allclose(found, value, atol=1e-9)


def test_learning_goes_on_from_a_file_to_the_same_bits(tmp_path):
    chunks = np.split(structured(1, 120, 16).astype(np.float32), 4)
    whole = sparse.dct(16)
    for chunk in chunks:
        whole = sparse.online(chunk, whole, sparsity=3)
    state = sparse.dct(16)
    for chunk in chunks:
        state = sparse.online(chunk, state, sparsity=3, threads=1)
        np.savez(tmp_path / "state.npz", **state._asdict())
        state = sparse.Online(**np.load(tmp_path / "state.npz"))
    for found, value in zip(state, whole, strict=True):
        np.testing.assert_array_equal(found, value)


def test_a_few_passes_over_chunks_come_near_learning_from_all_at_once():
    Y = structured(2, 2000, 36)
    start = sparse.dct(36)
    batch, codes = sparse.learn(Y, start, sparsity=4, rounds=10)
    state = start
    for _ in range(5):
        for chunk in np.split(Y, 10):
            state = sparse.online(chunk, state, sparsity=4)
    chunked = sparse.omp(Y, state.dictionary, sparsity=4)
    unlearned = energies(Y, start, sparse.omp(Y, start, sparsity=4)).sum()
    assert energies(Y, state.dictionary, chunked).sum() < 1.1 * energies(Y, batch, codes).sum()
    assert energies(Y, state.dictionary, chunked).sum() < 0.7 * unlearned


def test_positions_learn_as_alone_and_the_given_state_is_not_changed():
    Y = np.stack([structured(s, 50, 16) for s in range(3)])
    first = sparse.online(Y, sparse.dct(16), sparsity=3)
    before = [array.copy() for array in first]
    second = sparse.online(Y, first, sparsity=3)
    for array, old in zip(first, before, strict=True):
        np.testing.assert_array_equal(array, old)
    for p in range(3):
        alone = sparse.online(Y[p], sparse.online(Y[p], sparse.dct(16), sparsity=3), sparsity=3)
        np.testing.assert_array_equal(second.dictionary[p], alone.dictionary)


def test_zero_chunks_change_nothing_and_bad_arguments_are_named():
    state = sparse.online(np.zeros((5, 16)), sparse.dct(16), sparsity=2)
    np.testing.assert_array_equal(state.dictionary, sparse.dct(16))
    with pytest.raises(sparse.SparseError, match="between 0 and 1, not 2"):
        sparse.online(np.ones((5, 16)), sparse.dct(16), sparsity=2, keep=2)
    with pytest.raises(sparse.SparseError, match="do not fit"):
        sparse.online(np.ones((5, 9)), sparse.dct(16), sparsity=2)
