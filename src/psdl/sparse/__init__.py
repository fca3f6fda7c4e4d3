"""Exact, fast sparse coding: a library of its own (NumPy and numba only)."""

from psdl.sparse.door import Codes, mp, omp, ormp, residual, runs_on, threshold
from psdl.sparse.errors import SparseError
from psdl.sparse.learning import learn
from psdl.sparse.online import Online, online
from psdl.sparse.prepared import Prepared, prepare
from psdl.sparse.starts import cover, dct, drawn, haar, norms, random, spread
from psdl.sparse.statistics import Coherence, Usage, coherence, picture, usage

__all__ = [
    "Codes",
    "Coherence",
    "Online",
    "Prepared",
    "SparseError",
    "Usage",
    "coherence",
    "cover",
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
    "runs_on",
    "spread",
    "threshold",
    "usage",
]
