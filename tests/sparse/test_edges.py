"""Wrong shapes, kinds and numbers are refused in a sentence, and odd ones that are right are coded."""

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
}
shapes = st.lists(st.integers(0, 5), min_size=0, max_size=4).map(tuple)


def filled(shape, kind):
    """Numbers of a shape, or integers for a support."""
    values = np.random.default_rng(len(shape)).normal(size=shape)
    return values if kind == "float" else (values > 0).astype(np.int32)


def answers(call):
    """What a call returns, or None where it says in one sentence what is wrong; anything else fails the test."""
    try:
        return call()
    except sparse.SparseError:
        return None


@settings(deadline=None, max_examples=150)
@given(shapes, shapes, st.sampled_from(list(PURSUITS)), st.integers(1, 4))
def test_pursuits_answer_or_refuse_any_shapes(signals, dictionary, name, sparsity):
    codes = answers(
        lambda: PURSUITS[name](filled(signals, "float"), filled(dictionary, "float"), sparsity=sparsity)
    )
    if codes is not None:
        assert codes.support.shape[:-1] == signals[:-1]
        assert codes.support.shape == codes.coefficients.shape


@settings(deadline=None, max_examples=150)
@given(shapes, shapes, shapes, shapes)
def test_residuals_and_usage_answer_or_refuse_any_shapes(signals, dictionary, support, coefficients):
    codes = sparse.Codes(filled(support, "int"), filled(coefficients, "float"))
    Y, D = filled(signals, "float"), filled(dictionary, "float")
    left = answers(lambda: sparse.residual(Y, D, codes))
    norms = answers(lambda: sparse.residual_norms(Y, D, codes))
    assert (left is None) == (norms is None)
    if left is not None:
        assert support[:-1] == signals[:-1]
        np.testing.assert_allclose(np.linalg.norm(left, axis=-1), norms)
    answers(lambda: sparse.usage(codes, 4))
    answers(lambda: sparse.reconstruct(codes, D))


@settings(deadline=None, max_examples=100)
@given(shapes, shapes, shapes, shapes)
def test_learners_answer_or_refuse_any_shapes(signals, dictionary, moments, products):
    Y, D = filled(signals, "float"), filled(dictionary, "float")
    answers(lambda: sparse.learn(Y, D, sparsity=2, rounds=1))
    answers(lambda: sparse.online(Y, D, sparsity=2))
    state = sparse.Online(D, np.zeros(moments), np.zeros(products))
    found = answers(lambda: sparse.online(Y, state, sparsity=2))
    if found is not None:
        assert moments == (*dictionary[:-1], dictionary[-2])
        assert products == dictionary


@settings(deadline=None, max_examples=60)
@given(shapes, st.integers(-1, 4))
def test_initialisers_and_statistics_answer_or_refuse_any_shapes(signals, count):
    Y = filled(signals, "float")
    for call in (sparse.drawn, sparse.spread, sparse.cover, sparse.covering):
        answers(lambda call=call: call(Y, count))
    answers(lambda: sparse.coherence(Y))
    answers(lambda: sparse.prepare(Y, half=True))


def test_a_state_whose_dictionary_grew_is_refused():
    Y = structured(0, 200, 16)
    state = sparse.online(Y, sparse.random(16, 8), sparsity=3)
    grown = state._replace(dictionary=np.vstack([state.dictionary, sparse.random(16, 24, 1)]))
    with pytest.raises(
        sparse.SparseError, match=r"moments have shape \(8, 8\), but its dictionary of shape \(32, 16\)"
    ):
        sparse.online(Y, grown, sparsity=3)
    padded = grown._replace(moments=np.zeros((32, 32)), products=np.zeros((32, 16)))
    assert sparse.online(Y, padded, sparsity=3).dictionary.shape == (32, 16)
    with pytest.raises(sparse.SparseError, match="moments must be finite"):
        sparse.online(Y, state._replace(moments=state.moments * np.nan), sparsity=3)


@pytest.mark.parametrize("sizes", [(3, 6), (6, 12)])
def test_codes_of_other_signals_are_refused(sizes):
    Y, D = problem(0, n=12, f=16, k=24)
    codes = sparse.omp(Y[: sizes[0]], D, sparsity=4)
    for call in (sparse.residual, sparse.residual_norms):
        with pytest.raises(sparse.SparseError, match="are not those of signals of shape"):
            call(Y[: sizes[1]], D, codes)


def test_empty_codes_and_signals_without_numbers_are_no_accident():
    Y, D = problem(1, n=4, f=6, k=9)
    for pursue in PURSUITS.values():
        codes = pursue(Y[:0], D, sparsity=3)
        assert codes.support.shape == (0, 3)
        assert sparse.residual(Y[:0], D, codes).shape == (0, 6)
        assert sparse.residual_norms(Y[:0], D, codes).shape == (0,)
        assert sparse.usage(codes, 9).unused == 9
        assert pursue(Y[:, :0], D[:, :0], sparsity=3).support.shape == (4, 0)
        assert pursue(Y, D[:0], sparsity=3).support.shape == (4, 0)
    assert sparse.omp(Y[:0], D, tolerance=1.0).support.shape[0] == 0


def test_matching_pursuit_takes_as_many_steps_as_asked_for():
    Y, D = problem(2, n=5, f=16, k=32)
    codes = sparse.mp(Y, D, sparsity=1000)
    assert codes.support.shape == (5, 32)
    assert (sparse.residual_norms(Y, D, codes) < 1e-6).all()
    assert (np.square(sparse.residual_norms(Y, D, sparse.mp(Y, D, tolerance=1e-6))) <= 1e-6).all()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.ones((3, 4)) * 1j, "real numbers, not complex"),
        (np.ones((3, 4)).astype(str), "real numbers, not dtype <U"),
        (np.ones((3, 4)).astype(object), "real numbers, not dtype object"),
        (np.zeros((3, 4), "M8[s]"), "real numbers, not dtype datetime64"),
        (np.ma.masked_greater(np.ones((3, 4)), 2), "must not be a masked array"),
        ([[1, 2, 3, 4], [1]], "rows of one length"),
        (None, "real numbers, not dtype object"),
    ],
)
def test_what_is_not_an_array_of_real_numbers_is_refused_everywhere(values, words):
    Y, D = np.ones((3, 4)), np.eye(4)
    calls = {
        "signals": lambda: sparse.omp(values, D, sparsity=1),
        "dictionary": lambda: sparse.omp(Y, values, sparsity=1),
        "learn": lambda: sparse.learn(values, D, sparsity=1, rounds=1),
        "start": lambda: sparse.learn(Y, values, sparsity=1, rounds=1),
        "online": lambda: sparse.online(values, D, sparsity=1),
        "prepare": lambda: sparse.prepare(values),
        "drawn": lambda: sparse.drawn(values, 1),
        "coherence": lambda: sparse.coherence(values),
    }
    for call in calls.values():
        with pytest.raises(sparse.SparseError, match=words):
            call()


@pytest.mark.parametrize("dtype", [">f8", "<f8", np.longdouble, np.int64])
def test_wide_numbers_of_any_kind_are_coded_in_float64(dtype):
    Y = np.array([[16777217, 1], [3, -5]]).astype(dtype)
    codes = sparse.omp(Y, np.eye(2), sparsity=2)
    assert codes.coefficients.dtype == np.dtype(np.float64)
    np.testing.assert_array_equal(codes.to_dense(), Y.astype(float))


@pytest.mark.parametrize("dtype", [">f4", np.float16, np.int16, np.uint8, bool])
def test_narrow_numbers_are_coded_in_float32(dtype):
    Y = np.array([[1, 0], [1, 1]]).astype(dtype)
    codes = sparse.omp(Y, np.eye(2), sparsity=2)
    assert codes.coefficients.dtype == np.dtype(np.float32)
    np.testing.assert_array_equal(codes.to_dense(), Y.astype(np.float32))


def test_one_signal_alone_gives_one_code():
    Y, D = problem(3, n=3, f=12, k=20)
    for pursue in PURSUITS.values():
        codes, whole = pursue(Y[1], D, sparsity=4), pursue(Y, D, sparsity=4)
        np.testing.assert_array_equal(codes.support, whole.support[1])
        np.testing.assert_array_equal(codes.coefficients, whole.coefficients[1])
        assert sparse.residual(Y[1], D, codes).shape == (12,)
        assert sparse.residual_norms(Y[1], D, codes).shape == ()
        np.testing.assert_array_equal(codes.to_dense(), whole.to_dense()[1])


@pytest.mark.parametrize("value", [2.7, 3.0, True, "3", float("nan"), np.float64(3), 0, -1, [1, 2.5], [0, 1]])
def test_numbers_of_atoms_are_whole(value):
    with pytest.raises(sparse.SparseError, match="sparsity"):
        sparse.omp(np.ones((2, 4)), np.eye(4), sparsity=value)
    with pytest.raises(sparse.SparseError, match="rounds"):
        sparse.learn(np.ones((2, 4)), np.eye(4), sparsity=1, rounds=value)
    with pytest.raises(sparse.SparseError, match="atoms"):
        sparse.drawn(np.ones((2, 4)), value)


@pytest.mark.parametrize("value", [0, -2, 1.5, "2", True])
def test_threads_are_whole_numbers_or_all(value):
    with pytest.raises(sparse.SparseError, match="threads"):
        sparse.omp(np.ones((2, 4)), np.eye(4), sparsity=1, threads=value)


def test_minus_one_thread_means_all():
    Y, D = problem(4, n=300, f=32, k=40)
    codes = sparse.omp(Y, D, sparsity=4, threads=-1)
    np.testing.assert_array_equal(codes.coefficients, sparse.omp(Y, D, sparsity=4).coefficients)
