"""Sparse coding that is shared by the methods whose distance is the norm of a residual."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from psdl import sparse
from psdl.types import F32

LARGEST = 32 << 20  # bytes of signals that one item of work reads


def coded(values: F32, ready: Mapping[str, Any], threads: int) -> tuple[F32, F32, NDArray[np.int32], F32]:
    """Returns residual norms, code L1 norms, strongest atoms and signal norms of signals (...,N,F) float32, each
    (...,N).

    The strongest atoms are int32, -1 for an empty code; the norms are float32. `ready` holds the dictionary as
    `prepared`, the number of atoms for each signal as `sparsity`, and the `device` on which coding runs. Codes are
    computed by orthogonal matching pursuit.
    """
    prepared = ready["prepared"]
    codes = sparse.omp(values, prepared, sparsity=ready["sparsity"], threads=threads, device=ready["device"])
    residual = sparse.residual_norms(values, prepared, codes, threads=threads)
    return residual, *sparse.strongest(codes), sparse.norms(values)[..., 0]


def at_once(images: int, length: int, most: int) -> int:
    """Returns how many positions one item of work learns.

    That is `most`, or fewer if the signals of so many images, each of `length` float32 numbers, would take more
    than LARGEST bytes; at least 1.
    """
    return max(1, min(most, LARGEST // (4 * images * length)))
