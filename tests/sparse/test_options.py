"""What pursuits and learners can be asked beside a number of atoms: tolerances, limits for each signal, weights,
signs, fixed atoms, a word each round, an early end."""

from __future__ import annotations

import numpy as np
import pytest

from psdl import sparse
from psdl.sparse.learners import ksvd
from psdl.sparse.learners import online as chunks
from psdl.sparse.pursuits import nonnegative, weighted
from tests.sparse.problems import energies, problem, structured


def test_error_constrained_learning_equals_its_definition_and_keeps_the_tolerance():
    Y, start = structured(0, 120, 16), sparse.random(16, 24, 1)
    enough = 0.1 * float(np.square(Y).sum(axis=1).mean())
    D, codes = sparse.learn(Y, start, tolerance=enough, rounds=3)
    expected, support, _ = ksvd.learn(Y, start, 16, 3, enough=enough)
    np.testing.assert_allclose(D, expected, atol=1e-7)
    width = codes.support.shape[1]
    np.testing.assert_array_equal(codes.support, support[:, :width])
    again = sparse.omp(Y, D, tolerance=enough)
    assert (energies(Y, D, again) <= enough * 1.0001).all()
    first = sparse.omp(Y, start, tolerance=enough)
    assert (again.support >= 0).sum() < 0.9 * (first.support >= 0).sum()
    _, capped = sparse.learn(Y, start, tolerance=enough, sparsity=3, rounds=3)
    assert capped.support.shape == (120, 3)


def test_online_learning_takes_a_tolerance_and_keeps_fixed_atoms():
    Y, start = structured(1, 90, 16), sparse.dct(16)
    state = sparse.online(Y, start, tolerance=2.0, keep=0.9, fixed=2)
    moments, products = np.zeros((16, 16)), np.zeros((16, 16))
    expected = chunks.absorb(Y, start, moments, products, 16, 0.9, 2, 2.0)
    for found, value in zip(state, expected, strict=True):
        np.testing.assert_allclose(found, value, atol=1e-9)
    np.testing.assert_array_equal(state.dictionary[:2], start[:2])
    assert np.abs(state.dictionary[2:] - start[2:]).max() > 0.01


def test_fixed_atoms_stay_to_the_bit_and_are_used():
    Y = structured(2, 150, 16) + 3
    D, codes = sparse.learn(Y, sparse.dct(16, 24), sparsity=4, rounds=5, fixed=1)
    expected, _, _ = ksvd.learn(Y, sparse.dct(16, 24), 4, 5, fixed=1)
    np.testing.assert_array_equal(D[0], sparse.dct(16, 24)[0])
    np.testing.assert_allclose(D, expected, atol=1e-7)
    assert sparse.usage(codes, 24).users[0] > 100
    with pytest.raises(sparse.SparseError, match="at most the 24 there are"):
        sparse.learn(Y, D, sparsity=2, rounds=1, fixed=25)


def test_each_round_is_told_and_its_answer_ends_learning():
    Y, start = np.stack([structured(s, 80, 16) for s in range(3)]), sparse.dct(16)
    history: list[sparse.Round] = []
    D, codes = sparse.learn(Y, start, sparsity=3, rounds=4, callback=history.append, threads=2)
    assert sorted((r.position, r.number) for r in history) == [(p, n) for p in range(3) for n in range(1, 5)]
    last = {r.position: r for r in history if r.number == 4}
    for p in range(3):
        assert last[p].error == pytest.approx(energies(Y, D, codes)[p].mean())
        assert last[p].atoms == pytest.approx((codes.support[p] >= 0).sum(axis=1).mean())
        np.testing.assert_array_equal(last[p].dictionary, D[p])
    told: list[int] = []
    ended, _ = sparse.learn(
        Y, start, sparsity=3, rounds=9, callback=lambda r: r.number == 4, progress=told.append, replace=False
    )
    np.testing.assert_array_equal(ended, sparse.learn(Y, start, sparsity=3, rounds=4, replace=False)[0])
    assert sum(told) == 27


def test_learning_ends_early_where_the_error_no_longer_falls():
    Y = structured(3, 200, 16)
    history: list[sparse.Round] = []
    sparse.learn(Y, sparse.dct(16), sparsity=3, rounds=200, stop=0.01, callback=history.append)
    errors = [r.error for r in history]
    assert 4 <= len(errors) < 100
    assert all(after > 0.99 * before for before, after in zip(errors[-4:], errors[-3:], strict=False))
    assert any(after <= 0.99 * before for before, after in zip(errors[-5:-1], errors[-4:-1], strict=False))


def test_learning_goes_on_from_its_own_dictionary():
    Y, start = structured(4, 100, 16), sparse.dct(16)
    whole, _ = sparse.learn(Y, start, sparsity=3, rounds=6, replace=False)
    half, _ = sparse.learn(Y, start, sparsity=3, rounds=3, replace=False)
    np.testing.assert_array_equal(sparse.learn(Y, half, sparsity=3, rounds=3, replace=False)[0], whole)


def test_atoms_that_are_alike_or_rarely_used_become_badly_coded_signals():
    Y = structured(5, 300, 16)
    start = sparse.drawn(Y, 24, 1)
    start[5] = start[4] + 0.01 * start[3]
    start[7] = sparse.random(16, 1, 3)[0]
    start[9] = start[4] + 0.001 * start[3]
    kept, codes = sparse.learn(Y, start, sparsity=3, rounds=8, replace=False)
    new, new_codes = sparse.learn(Y, start, sparsity=3, rounds=8)
    users = [int(sparse.usage(found, 24).users.min()) for found in (codes, new_codes)]
    assert users[1] > users[0]
    assert energies(Y, new, new_codes).sum() < energies(Y, kept, codes).sum()
    assert sparse.coherence(new).mutual < ksvd.ALIKE


@pytest.mark.slow
@pytest.mark.parametrize("noise", [20, None])
def test_planted_dictionaries_are_found(noise):
    """The experiment of the K-SVD paper; bench/recovery.py has all of it."""
    rng = np.random.default_rng(0)
    D = rng.uniform(-1, 1, (10, 50, 20))
    D /= np.linalg.norm(D, axis=2, keepdims=True)
    X = np.zeros((10, 1500, 50))
    places = np.argsort(rng.random(X.shape), axis=2)[..., :3]
    np.put_along_axis(X, places, rng.normal(size=places.shape), 2)
    Y = X @ D
    if noise:
        Y += rng.normal(size=Y.shape) * np.sqrt(np.square(Y).mean() / 10 ** (noise / 10))
    found, _ = sparse.learn(Y, sparse.drawn(Y, 50, 1), sparsity=3, rounds=80)
    cosines = np.abs(np.einsum("pkf,pjf->pkj", D, found)).max(axis=2)
    assert (cosines > 0.99).sum(axis=1).mean() >= 47


@pytest.mark.parametrize(
    "pursue", [sparse.omp, sparse.ormp, sparse.mp, sparse.nonnegative_omp], ids=lambda f: f.__name__
)
def test_each_signal_may_have_its_own_limits(pursue):
    Y, D = problem(6, n=12, f=16, k=24)
    counts, shares = np.arange(1, 13), np.linspace(0.05, 0.9, 12)
    tolerances = shares * np.square(Y).sum(axis=1)
    codes = pursue(Y, D, sparsity=counts, tolerance=tolerances)
    for n in range(12):
        alone = pursue(Y[n], D, sparsity=int(counts[n]), tolerance=float(tolerances[n]))
        width = len(alone.support)
        np.testing.assert_array_equal(codes.support[n, :width], alone.support)
        np.testing.assert_array_equal(codes.coefficients[n, :width], alone.coefficients)
        assert (codes.support[n, width:] == -1).all()
    stacked = pursue(np.stack([Y, Y]), np.stack([D, D]), sparsity=np.stack([counts, counts]))
    assert (stacked.support[1] == stacked.support[0]).all()
    with pytest.raises(
        sparse.SparseError, match=r"sparsity of shape \(5,\) does not fit signals of shape \(12,\)"
    ):
        pursue(Y, D, sparsity=np.ones(5, int))


def test_one_dictionary_serves_all_positions():
    Y, D = problem(7, n=30, f=16, k=24)
    for prepared in (D, sparse.prepare(D), sparse.prepare(D, gram=False)):
        codes = sparse.omp(Y.reshape(3, 10, 16), prepared, sparsity=4)
        assert codes.support.shape == (3, 10, 4)
        np.testing.assert_array_equal(codes.support.reshape(30, 4), sparse.omp(Y, prepared, sparsity=4).support)
        assert sparse.residual(Y.reshape(3, 10, 16), prepared, codes).shape == (3, 10, 16)
    with pytest.raises(sparse.SparseError, match="do not fit a dictionary of shape"):
        sparse.omp(Y, np.stack([D, D]), sparsity=4)


@pytest.mark.parametrize(("f", "k", "t"), [(20, 30, 6), (30, 20, 12), (16, 64, 16)])
def test_nonnegative_codes_equal_their_definition_and_scipys_least_squares(f, k, t):
    nnls = pytest.importorskip("scipy.optimize").nnls
    Y, D = problem(f, n=30, f=f, k=k)
    Y += 0.5
    codes = sparse.nonnegative_omp(Y, D, sparsity=t)
    support, coefficients = nonnegative.nonnegative(Y, D, t)
    np.testing.assert_allclose(codes.to_dense(), sparse.Codes(support, coefficients, k).to_dense(), atol=1e-9)
    assert (codes.coefficients >= 0).all()
    for y, atoms, x in zip(Y, codes.support, codes.coefficients, strict=True):
        used = atoms >= 0
        np.testing.assert_allclose(nnls(D[atoms[used]].T, y)[0], x[used], atol=1e-9)


@pytest.mark.parametrize(("f", "k", "t"), [(20, 30, 6), (30, 20, 9), (16, 64, 8)])
def test_weighted_codes_equal_their_definition(f, k, t):
    Y, D = problem(f, n=30, f=f, k=k)
    rng = np.random.default_rng(f)
    W = rng.random(Y.shape) * (rng.random(Y.shape) < 0.7)
    codes = sparse.weighted_omp(Y, W, 3 * D, sparsity=t)
    support, coefficients = weighted.weighted(Y, W, 3 * D, t)
    np.testing.assert_array_equal(codes.support, support)
    np.testing.assert_allclose(codes.coefficients, coefficients, atol=1e-9)
    plain = sparse.weighted_omp(Y, np.ones(f), D, sparsity=t)
    np.testing.assert_array_equal(plain.support, sparse.omp(Y, D, sparsity=t).support)


def test_what_is_masked_is_not_read_and_is_filled_in():
    D = sparse.dct(64, 128)
    rng = np.random.default_rng(8)
    X = np.zeros((40, 128))
    for row in X:
        row[rng.choice(128, 2, replace=False)] = 1 + rng.random(2)
    Y, known = X @ D, rng.random((40, 64)) < 0.7
    holes = np.where(known, Y, np.nan)
    codes = sparse.weighted_omp(holes, known, D, sparsity=6)
    np.testing.assert_array_equal(codes.coefficients, sparse.weighted_omp(Y, known, D, sparsity=6).coefficients)
    filled = sparse.reconstruct(codes, D)
    blank = np.where(known, Y, 0)
    assert np.linalg.norm(filled - Y) < 0.2 * np.linalg.norm(blank - Y)
    for weights, words in ((-known.astype(float), "at least 0"), (np.ones((40, 5)), "one weight for each number")):
        with pytest.raises(sparse.SparseError, match=words):
            sparse.weighted_omp(Y, weights, D, sparsity=2)


def test_codes_become_matrices_and_signals_again():
    Y, D = problem(9, n=20, f=16, k=24)
    codes = sparse.omp(Y, D, sparsity=4)
    pytest.importorskip("scipy")
    dense, rows = codes.to_dense(), codes.to_csr()
    assert dense.shape == rows.shape == (20, 24)
    np.testing.assert_array_equal(rows.toarray(), dense)
    assert rows.has_sorted_indices
    np.testing.assert_allclose(sparse.reconstruct(codes, D), dense @ D, atol=1e-12)
    np.testing.assert_allclose(
        sparse.reconstruct(codes, sparse.prepare(D)), Y - sparse.residual(Y, D, codes), atol=1e-12
    )
    support, coefficients = codes
    bare = sparse.Codes(support, coefficients)
    with pytest.raises(sparse.SparseError, match="give atoms=len"):
        bare.to_dense()
    np.testing.assert_array_equal(bare.to_dense(24), dense)
    stacked = sparse.omp(np.stack([Y, Y]), np.stack([D, D]), sparsity=4)
    assert stacked.to_dense().shape == (2, 20, 24)
    with pytest.raises(sparse.SparseError, match="take one of them"):
        stacked.to_csr()


def test_codes_to_a_tolerance_take_no_more_places_than_they_use():
    Y, D = problem(10, n=9000, f=64, k=128, dtype=np.float32)
    Y[0] *= 3
    codes = sparse.omp(Y, D, tolerance=0.9 * float(np.square(Y[1:]).sum(axis=1).max()))
    assert codes.support.shape[1] == (codes.support >= 0).sum(axis=1).max() < 40
    alone = sparse.omp(Y[:1], D, tolerance=0.9 * float(np.square(Y[1:]).sum(axis=1).max()))
    np.testing.assert_array_equal(alone.support[0], codes.support[0, : alone.support.shape[1]])


@pytest.mark.parametrize(
    ("shape", "atoms"),
    [((8, 12), None), ((8, 12), 200), ((5, 4, 3), 90), (20, None), ((7,), 12), (64, 130), (64, 50)],
)
def test_the_dct_has_any_size(shape, atoms):
    D = sparse.dct(shape, atoms)
    length = int(np.prod(shape))
    assert D.shape == (atoms or length, length)
    np.testing.assert_allclose(np.linalg.norm(D, axis=1), 1)
    np.testing.assert_allclose(D[0], D[0, 0])
    np.testing.assert_allclose(D[1:].sum(axis=1), 0, atol=1e-12)
    if atoms is None:
        np.testing.assert_allclose(D @ D.T, np.eye(length), atol=1e-12)
    assert np.linalg.matrix_rank(D) == min(D.shape)


def test_a_few_signals_ask_for_a_few_rows_of_the_gram_matrix_and_get_the_same_codes():
    Y, D = problem(11, n=300, f=48, k=700, dtype=np.float32)
    for pursue in (sparse.omp, sparse.ormp, sparse.mp, sparse.threshold):
        whole = pursue(Y, sparse.prepare(D), sparsity=7)
        for part in (slice(0, 1), slice(5, 9), slice(0, 300)):
            codes = pursue(Y[part], D, sparsity=7)
            np.testing.assert_array_equal(codes.support, whole.support[part])
            np.testing.assert_array_equal(codes.coefficients, whole.coefficients[part])
