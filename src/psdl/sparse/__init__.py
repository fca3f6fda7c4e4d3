"""Exact, fast sparse coding: a library of its own (NumPy and numba only)."""

from psdl.sparse.door import Codes, mp, omp, ormp, residual, threshold
from psdl.sparse.errors import SparseError
from psdl.sparse.learning import learn
from psdl.sparse.prepared import Prepared, prepare
from psdl.sparse.starts import cover, dct, norms

__all__ = [
    "Codes",
    "Prepared",
    "SparseError",
    "cover",
    "dct",
    "learn",
    "mp",
    "norms",
    "omp",
    "ormp",
    "prepare",
    "residual",
    "threshold",
]
