"""Partial whitening of signals: a linear map that is fitted to good signals and applied to any."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from psdl._util.blas import one_thread
from psdl._util.matmul import product
from psdl.types import F32, F64

ROWS = 8
AT_ONCE = 32  # blocks of ROWS rows whose products are held at a time
FLOOR = 1e-6  # eigenvalues below this share of the largest one are raised to it


class Whitening(NamedTuple):
    """The linear map y -> (y - mean) matrix, with mean (F,) and matrix (F,F), both float32."""

    mean: F32
    matrix: F32


class Moments(NamedTuple):
    """The number of signals (...,F), their mean (F,) and their covariance (F,F), both float64."""

    signals: int
    mean: F64
    covariance: F64


def moments(batches: Iterable[F32], length: int) -> Moments:
    """Returns the moments of batches of signals (...,F) float32 in one pass.

    Each batch is centred on the mean of the first batch before it is multiplied in float32, and sums are float64,
    so that a mean far from zero costs no precision. `length` is F.
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
        products += _outer(rows)
    offset = total / count
    return Moments(count, start + offset, products / count - np.outer(offset, offset))


def joined(parts: Sequence[Moments]) -> Moments:
    """Returns the moments of the union of several sets of signals (Chan, Golub, LeVeque 1983)."""
    count = sum(part.signals for part in parts)
    mean = sum(part.signals / count * part.mean for part in parts)
    apart = [part.mean - mean for part in parts]
    covariance = sum(
        part.signals / count * (part.covariance + np.outer(way, way))
        for part, way in zip(parts, apart, strict=True)
    )
    return Moments(count, np.asarray(mean), np.asarray(covariance))


def fit(batches: Iterable[F32], length: int, power: float, ridge: float = 0.0) -> Whitening:
    """Returns the whitening of batches of signals (...,F) float32; `of_moments` explains `power` and `ridge`."""
    return of_moments(moments(batches, length), power, ridge)


@one_thread
def of_moments(found: Moments, power: float, ridge: float = 0.0) -> Whitening:
    """Returns the whitening of signals with the given moments.

    `power` 1 whitens fully, 0 only centres and rotates, and 1/2 is between. With the eigenvectors V and
    eigenvalues w of the covariance, the matrix is V diag((w + a)^(-power/2)), scaled such that the mean variance
    is kept. The ridge a is `ridge` times the mean of w. It keeps directions in which few good images hardly differ
    from being amplified for new images.
    """
    values, vectors = np.linalg.eigh(found.covariance)
    values = np.maximum(values, max(float(values.max()) * FLOOR, 1e-12))
    scaled = (values + ridge * values.mean()) ** (-power / 2)
    scaled *= np.sqrt(values.sum() / (values * scaled**2).sum())
    return Whitening(found.mean.astype(np.float32), (vectors * scaled).astype(np.float32))


def _outer(rows: F32) -> F64:
    """Returns the product (F,F) float64 of the transpose of rows (n,F) with rows, bit-identical on any number of
    threads."""
    length, found = rows.shape[1], np.zeros((rows.shape[1], rows.shape[1]))
    padded = np.zeros((-(-len(rows) // ROWS) * ROWS, length), np.float32)
    padded[: len(rows)] = rows
    blocks = padded.reshape(-1, ROWS, length)
    for n in range(0, len(blocks), AT_ONCE):
        some = blocks[n : n + AT_ONCE]
        found += product(some.transpose(0, 2, 1), some).sum(axis=0)
    return found


def apply(whitening: Whitening, signals: F32) -> F32:
    """Returns the whitened signals (...,F) float32.

    The product is computed ROWS rows at a time, so that a row has the same bits among any number of other rows.
    """
    flat = signals.reshape(-1, signals.shape[-1])
    padded = np.zeros((-(-len(flat) // ROWS) * ROWS, flat.shape[1]), np.float32)
    np.subtract(flat, whitening.mean, out=padded[: len(flat)])
    found = product(padded.reshape(-1, ROWS, flat.shape[1]), whitening.matrix)
    return np.asarray(found.reshape(padded.shape)[: len(flat)].reshape(signals.shape), np.float32)
