"""Estimators for scikit-learn's pipelines and searches: KSVD, OnlineKSVD and SparseCoder. Only this module needs
scikit-learn.

`transform` returns dense codes (N,K), as scikit-learn's estimators do. `components_` (K,F) is the dictionary;
atoms are rows.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from .arrays import Array
from .codes import Codes
from .coding import mp, nonnegative_omp, omp, ormp, threshold
from .errors import SparseError
from .initialisers import drawn
from .learning import Round, learn
from .online import Online, online

try:
    from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError:
    raise SparseError("the estimators need scikit-learn: pip install 'scikit-learn>=1.6'") from None

PURSUITS: dict[str, Any] = {
    "omp": omp,
    "ormp": ormp,
    "mp": mp,
    "threshold": threshold,
    "nonnegative_omp": nonnegative_omp,
}
FLOATS = [np.float64, np.float32]


def _coded(X: Array, dictionary: Array, given: Any) -> Codes:
    """Returns the codes of signals (N,F) by the parameters of the estimator `given`."""
    if given.algorithm not in PURSUITS:
        raise ValueError(f"algorithm must be one of {', '.join(PURSUITS)}, not {given.algorithm!r}")
    limits = _limits(given, dictionary)
    if given.algorithm == "threshold":
        limits.pop("tolerance")
    codes: Codes = PURSUITS[given.algorithm](X, dictionary, threads=given.n_jobs, **limits)
    return codes


def _limits(given: Any, dictionary: Array) -> dict[str, Any]:
    """Returns the arguments sparsity and tolerance; if neither is given, the sparsity is a tenth of the signals'
    length, as in scikit-learn."""
    neither = given.sparsity is None and given.tolerance is None
    usual = max(1, dictionary.shape[1] // 10)
    return {"sparsity": usual if neither else given.sparsity, "tolerance": given.tolerance}


class _Coding(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """The base of all estimators: codes by a dictionary `components_`, and signals from codes."""

    def transform(self, X: Any) -> Array:
        """Returns the codes (N,K) of signals (N,F)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=FLOATS)
        return _coded(X, self.components_.astype(X.dtype), self).to_dense()

    def inverse_transform(self, X: ArrayLike) -> Array:
        """Returns the signals (N,F) of codes (N,K)."""
        check_is_fitted(self)
        codes = np.asarray(X)
        return np.asarray(codes @ self.components_.astype(codes.dtype))

    @property
    def _n_features_out(self) -> int:
        return len(self.components_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class KSVD(_Coding):
    """Learns a dictionary by K-SVD, see `sparse.learn`, and computes codes by a pursuit.

    - `n_components`: K; None: the number of features. At most the number of signals that are not zero.
    - `sparsity`, `tolerance`: the limits of codes, in learning and in transform; see `sparse.omp`. If neither is
      given, the sparsity is a tenth of the number of features.
    - `max_iter`: rounds. `tol`: `stop` of `sparse.learn`; None does all rounds.
    - `learner`, `replace`, `fixed`, `callback`: see `sparse.learn`.
    - `dict_init`: the start dictionary (K,F); None: signals drawn at random by `random_state`.
    - `warm_start`: whether `fit` continues from the dictionary of the last call.
    - `algorithm`: the pursuit of transform: "omp", "ormp", "mp", "threshold" or "nonnegative_omp".
    - `n_jobs`: threads; None or -1: all cores.

    Attributes: `components_` (K,F); `error_` (rounds,), the mean energy of the residuals after each round;
    `n_iter_`; `n_features_in_`.
    """

    def __init__(
        self,
        n_components: int | None = None,
        *,
        sparsity: int | None = None,
        tolerance: float | None = None,
        max_iter: int = 20,
        tol: float | None = None,
        learner: Literal["approximate", "exact"] = "approximate",
        replace: bool = True,
        fixed: int = 0,
        dict_init: ArrayLike | None = None,
        warm_start: bool = False,
        algorithm: str = "omp",
        callback: Any = None,
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.sparsity = sparsity
        self.tolerance = tolerance
        self.max_iter = max_iter
        self.tol = tol
        self.learner = learner
        self.replace = replace
        self.fixed = fixed
        self.dict_init = dict_init
        self.warm_start = warm_start
        self.algorithm = algorithm
        self.callback = callback
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> KSVD:
        """Learns the dictionary from signals (N,F); `y` is ignored."""
        X = validate_data(self, X, dtype=FLOATS)
        before: Array | None = getattr(self, "components_", None) if self.warm_start else None
        start = _start(X, self) if before is None else before
        rounds: list[Round] = []

        def record(done: Round) -> Any:
            rounds.append(done._replace(dictionary=X[:0]))
            return self.callback(done) if self.callback else None

        self.components_, _ = learn(
            X,
            start,
            **_limits(self, start),
            rounds=self.max_iter,
            learner=self.learner,
            replace=self.replace,
            fixed=self.fixed,
            stop=self.tol,
            callback=record,
            threads=self.n_jobs,
        )
        self.error_ = np.array([done.error for done in rounds])
        self.n_iter_ = len(rounds)
        return self


class OnlineKSVD(_Coding):
    """Learns a dictionary from chunks of signals by `sparse.online`, for data that does not fit in memory.

    `batch_size` is the number of signals in a chunk of `fit`, which passes over the data `max_iter` times;
    `partial_fit` takes one chunk of any size. `keep` is as in `sparse.online`. The other parameters are those of
    `KSVD`.

    Attributes: `components_` (K,F); `state_`, a `sparse.Online`; `n_steps_`, the number of chunks learned from;
    `n_iter_`, the number of passes of `fit`; `n_features_in_`.
    """

    def __init__(
        self,
        n_components: int | None = None,
        *,
        sparsity: int | None = None,
        tolerance: float | None = None,
        max_iter: int = 5,
        batch_size: int = 1024,
        keep: float = 0.95,
        fixed: int = 0,
        dict_init: ArrayLike | None = None,
        algorithm: str = "omp",
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.sparsity = sparsity
        self.tolerance = tolerance
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.keep = keep
        self.fixed = fixed
        self.dict_init = dict_init
        self.algorithm = algorithm
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> OnlineKSVD:
        """Learns the dictionary from signals (N,F), in chunks in a random order; `y` is ignored."""
        X = validate_data(self, X, dtype=FLOATS)
        self._begin(X)
        order = check_random_state(self.random_state)
        for _ in range(self.max_iter):
            shuffled = order.permutation(len(X))
            for first in range(0, len(X), self.batch_size):
                self._absorb(X[shuffled[first : first + self.batch_size]])
        return self

    def partial_fit(self, X: Any, y: Any = None) -> OnlineKSVD:
        """Learns from one more chunk (n,F); the start dictionary comes from the first one. `y` is ignored."""
        begun = hasattr(self, "state_")
        X = validate_data(self, X, dtype=FLOATS, reset=not begun)
        if not begun:
            self._begin(X)
        self._absorb(X)
        return self

    def _begin(self, X: Array) -> None:
        D = _start(X, self)
        self.state_ = Online(D, np.zeros((len(D), len(D))), np.zeros(D.shape))
        self.components_, self.n_steps_, self.n_iter_ = D, 0, self.max_iter

    def _absorb(self, X: Array) -> None:
        given: dict[str, Any] = {"keep": self.keep, "fixed": self.fixed, "threads": self.n_jobs}
        self.state_ = online(X, self.state_, **_limits(self, self.components_), **given)
        self.components_, self.n_steps_ = self.state_.dictionary, self.n_steps_ + 1


class SparseCoder(_Coding):
    """Computes codes by a given dictionary; nothing is learned.

    `dictionary` is (K,F); None: an orthonormal DCT. The other parameters are those of `KSVD`. Attributes:
    `components_` and `n_features_in_`.
    """

    def __init__(
        self,
        dictionary: ArrayLike | None = None,
        *,
        sparsity: int | None = None,
        tolerance: float | None = None,
        algorithm: str = "omp",
        n_jobs: int | None = None,
    ) -> None:
        self.dictionary = dictionary
        self.sparsity = sparsity
        self.tolerance = tolerance
        self.algorithm = algorithm
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None) -> SparseCoder:
        """Checks that the dictionary fits signals (N,F); their values and `y` are ignored."""
        from .initialisers import dct

        X = validate_data(self, X, dtype=FLOATS)
        D: Array = np.asarray(dct((X.shape[1],)) if self.dictionary is None else self.dictionary, X.dtype)
        if D.ndim != 2 or D.shape[1] != X.shape[1]:
            raise ValueError(f"signals of {X.shape[1]} numbers need a dictionary (K,{X.shape[1]}), not {D.shape}")
        self.components_ = D
        return self


def _start(X: Array, given: Any) -> Array:
    """Returns the start dictionary: the one given, or signals drawn at random."""
    if given.dict_init is not None:
        start: Array = np.asarray(given.dict_init, X.dtype)
        if start.ndim != 2 or start.shape[1] != X.shape[1]:
            raise ValueError(f"dict_init must be (K,{X.shape[1]}), not {start.shape}")
        return start
    there = X[np.abs(X).max(axis=1) > 0]
    if not len(there):
        raise ValueError(
            "a dictionary starts from signals that are not zero, and all of these are: give dict_init"
        )
    wanted = X.shape[1] if given.n_components is None else given.n_components
    seed = int(check_random_state(given.random_state).randint(2**31))
    return np.asarray(drawn(there, min(wanted, len(there)), seed))
