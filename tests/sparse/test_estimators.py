"""The estimators among scikit-learn's: its own checks, pipelines, searches, and what they share with the
functions."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from psdl import sparse
from tests.sparse.problems import structured


@parametrize_with_checks(
    [sparse.KSVD(max_iter=2, n_jobs=1), sparse.OnlineKSVD(max_iter=1, n_jobs=1), sparse.SparseCoder(n_jobs=1)]
)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_ksvd_learns_what_the_function_learns_and_tells_how_the_error_fell():
    Y = structured(0, 300, 16)
    start = sparse.drawn(Y, 32, 1)
    model = sparse.KSVD(sparsity=3, max_iter=6, dict_init=start).fit(Y)
    D, _ = sparse.learn(Y, start, sparsity=3, rounds=6)
    np.testing.assert_array_equal(model.components_, D)
    np.testing.assert_array_equal(model.transform(Y), sparse.omp(Y, D, sparsity=3).to_dense())
    assert model.error_.shape == (6,)
    assert model.error_[-1] < model.error_[0]
    again = sparse.KSVD(sparsity=3, max_iter=3, dict_init=start, warm_start=True, replace=False).fit(Y).fit(Y)
    whole = sparse.KSVD(sparsity=3, max_iter=6, dict_init=start, replace=False).fit(Y)
    np.testing.assert_array_equal(again.components_, whole.components_)
    left = np.square(Y - model.inverse_transform(model.transform(Y))).sum(axis=1).mean()
    assert left == pytest.approx(model.error_[-1], rel=0.2)


def test_estimators_stand_in_pipelines_and_searches():
    Y = structured(1, 200, 16).astype(np.float32)
    codes = make_pipeline(StandardScaler(), sparse.KSVD(20, sparsity=3, max_iter=3, random_state=0)).fit_transform(
        Y
    )
    assert codes.shape == (200, 20)
    assert codes.dtype == np.float32
    assert ((codes != 0).sum(axis=1) <= 3).all()

    def score(model, X, y=None):
        return -np.square(X - model.inverse_transform(model.transform(X))).mean()

    search = GridSearchCV(sparse.KSVD(20, max_iter=3, random_state=0), {"sparsity": [1, 4]}, scoring=score, cv=2)
    assert search.fit(Y).best_params_ == {"sparsity": 4}


def test_chunks_given_one_by_one_teach_what_online_learns():
    Y = structured(2, 200, 16)
    model, state = sparse.OnlineKSVD(sparsity=3, dict_init=sparse.dct(16)), sparse.dct(16)
    for chunk in np.split(Y, 4):
        model.partial_fit(chunk)
        state = sparse.online(chunk, state, sparsity=3)
    np.testing.assert_array_equal(model.components_, state.dictionary)
    assert model.n_steps_ == 4


def test_without_scikit_learn_all_else_works_and_the_estimators_say_so():
    program = """
import sys
sys.modules["sklearn"] = None
import numpy as np
from psdl import sparse
assert sparse.omp(np.ones((2, 4)), np.eye(4), sparsity=2).support.shape == (2, 2)
try:
    sparse.KSVD
except sparse.SparseError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "pip install 'scikit-learn" in done.stdout, done.stderr
