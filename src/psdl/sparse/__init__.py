"""Exact, fast sparse coding: a library of its own (NumPy and numba only)."""

from psdl.sparse.door import Codes, Prepared, learn, omp, prepare, residual
from psdl.sparse.errors import SparseError
from psdl.sparse.starts import cover, dct, norms

__all__ = ["Codes", "Prepared", "SparseError", "cover", "dct", "learn", "norms", "omp", "prepare", "residual"]
