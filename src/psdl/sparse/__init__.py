"""Exact, fast sparse coding: a library of its own (NumPy and numba only)."""

from psdl.sparse.codes import Codes, reconstruct
from psdl.sparse.coding import mp, nonnegative_omp, omp, ormp, threshold, weighted_omp
from psdl.sparse.errors import SparseError
from psdl.sparse.initialisers import cover, covering, dct, drawn, haar, norms, random, spread
from psdl.sparse.learning import learn
from psdl.sparse.online import Online, online
from psdl.sparse.prepared import Prepared, prepare
from psdl.sparse.residuals import residual, residual_norms
from psdl.sparse.running import runs_on
from psdl.sparse.statistics import Coherence, Usage, coherence, picture, strongest, usage
