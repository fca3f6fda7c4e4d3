"""Half-whitening of signals: a linear map fitted to good signals, applied to any."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from psdl._util.matmul import product
from psdl.types import F32

ROWS = 8
FLOOR = 1e-6  # eigenvalues below this share of the largest count as it


class Whitening(NamedTuple):
    """mean (F,) and matrix (F,F) float32: y <- (y - mean) matrix."""

    mean: F32
    matrix: F32


def fit(batches: Iterable[F32], length: int, power: float, ridge: float = 0.0) -> Whitening:
    """From signals (..., F) in batches. power 1 whitens, 0 only rotates and centres, 1/2 lies between.

    With V, w the eigenvectors and eigenvalues of the covariance the matrix is V (w + a)^(-power/2), scaled so that
    the mean variance is kept; a is `ridge` times the mean of w, so that directions in which few good images hardly
    differ are not blown up for new ones. One pass; each batch is centred on the first one's
    mean before it is multiplied in float32, and sums are float64: means far from zero cost no digits.
    """
    count, total, products = 0, np.zeros(length), np.zeros((length, length))
    start = np.zeros(length, np.float32)
    for batch in batches:
        rows = batch.reshape(-1, length)
        if not count:
            start = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
        rows = rows - start
        count += len(rows)
        total += rows.sum(axis=0, dtype=np.float64)
        products += (rows.T @ rows).astype(np.float64)
    offset = total / count
    mean = start + offset
    values, vectors = np.linalg.eigh(products / count - np.outer(offset, offset))
    values = np.maximum(values, max(float(values.max()) * FLOOR, 1e-12))
    scaled = (values + ridge * values.mean()) ** (-power / 2)
    scaled *= np.sqrt(values.sum() / (values * scaled**2).sum())
    return Whitening(mean.astype(np.float32), (vectors * scaled).astype(np.float32))


def apply(whitening: Whitening, signals: F32) -> F32:
    """signals (..., F) -> (..., F) float32.

    The product is taken ROWS rows at a time: a row then comes out the same among any number of rows.
    """
    flat = signals.reshape(-1, signals.shape[-1])
    padded = np.zeros((-(-len(flat) // ROWS) * ROWS, flat.shape[1]), np.float32)
    np.subtract(flat, whitening.mean, out=padded[: len(flat)])
    found = product(padded.reshape(-1, ROWS, flat.shape[1]), whitening.matrix)
    return np.asarray(found.reshape(padded.shape)[: len(flat)].reshape(signals.shape), np.float32)
