"""What the methods share whose distance is what few atoms leave of a signal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from psdl import sparse
from psdl.types import F32

LARGEST = 32 << 20  # bytes of signals that one item of work reads


def coded(values: F32, ready: Mapping[str, Any], threads: int) -> tuple[F32, F32, NDArray[np.int32], F32]:
    """Of signals (..., N,F): norms of the residuals, L1 norms of the codes, the strongest atoms and norms of the
    signals, each (..., N).

    ready: the dictionary `prepared`, the `sparsity` and the `device` to code on.
    """
    prepared = ready["prepared"]
    codes = sparse.omp(values, prepared, sparsity=ready["sparsity"], threads=threads, device=ready["device"])
    residual = sparse.residual_norms(values, prepared, codes, threads=threads)
    return residual, *sparse.strongest(codes), sparse.norms(values)[..., 0]


def at_once(images: int, length: int, most: int) -> int:
    """How many positions one item of work learns: `most`, or fewer where so many images' signals would take more
    than LARGEST bytes."""
    return max(1, min(most, LARGEST // (4 * images * length)))
