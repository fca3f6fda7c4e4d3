"""Exact, fast sparse coding: a library of its own (NumPy and numba only)."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from psdl.sparse.codes import Codes, reconstruct
from psdl.sparse.coding import mp, nonnegative_omp, omp, ormp, threshold, weighted_omp
from psdl.sparse.errors import SparseError
from psdl.sparse.initialisers import cover, covering, dct, drawn, haar, norms, random, spread
from psdl.sparse.learning import Round, learn
from psdl.sparse.online import Online, online
from psdl.sparse.prepared import Prepared, prepare
from psdl.sparse.residuals import residual, residual_norms
from psdl.sparse.running import runs_on
from psdl.sparse.statistics import Coherence, Usage, coherence, picture, strongest, usage

if TYPE_CHECKING:
    from psdl.sparse.estimators import KSVD, OnlineKSVD, SparseCoder

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
    """The estimators, which alone need scikit-learn."""
    if name not in _ESTIMATORS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.estimators"), name)
