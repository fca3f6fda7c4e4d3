"""Sparse coding and dictionary learning, exact and fast: a library of its own that needs only NumPy and numba."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .codes import Codes, reconstruct
from .coding import mp, nonnegative_omp, omp, ormp, threshold, weighted_omp
from .errors import SparseError
from .initialisers import cover, covering, dct, drawn, haar, norms, random, spread
from .learning import Round, learn
from .online import Online, online
from .prepared import Prepared, prepare
from .residuals import residual, residual_norms
from .running import runs_on
from .statistics import Coherence, Usage, coherence, picture, strongest, usage

if TYPE_CHECKING:
    from .estimators import KSVD, OnlineKSVD, SparseCoder

_ESTIMATORS = ("KSVD", "OnlineKSVD", "SparseCoder")

__all__ = [
    "KSVD",
    "Codes",
    "Coherence",
    "Online",
    "OnlineKSVD",
    "Prepared",
    "Round",
    "SparseCoder",
    "SparseError",
    "Usage",
    "coherence",
    "cover",
    "covering",
    "dct",
    "drawn",
    "haar",
    "learn",
    "mp",
    "nonnegative_omp",
    "norms",
    "omp",
    "online",
    "ormp",
    "picture",
    "prepare",
    "random",
    "reconstruct",
    "residual",
    "residual_norms",
    "runs_on",
    "spread",
    "strongest",
    "threshold",
    "usage",
    "weighted_omp",
]


def __getattr__(name: str) -> Any:
    """Imports the estimators at their first use, since only they need scikit-learn."""
    if name not in _ESTIMATORS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.estimators"), name)
