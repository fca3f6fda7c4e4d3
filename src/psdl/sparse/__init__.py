"""Exact, fast sparse coding: a library of its own (NumPy and numba only)."""

from psdl.sparse.door import Codes, mp, omp, ormp, residual, residual_norms, runs_on, threshold
from psdl.sparse.errors import SparseError
from psdl.sparse.learning import learn
from psdl.sparse.online import Online, online
from psdl.sparse.prepared import Prepared, prepare
from psdl.sparse.starts import cover, covering, dct, drawn, haar, norms, random, spread
from psdl.sparse.statistics import Coherence, Usage, coherence, picture, strongest, usage

__all__ = [
    "Codes",
    "Coherence",
    "Online",
    "Prepared",
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
    "norms",
    "omp",
    "online",
    "ormp",
    "picture",
    "prepare",
    "random",
    "residual",
    "residual_norms",
    "runs_on",
    "spread",
    "strongest",
    "threshold",
    "usage",
]
