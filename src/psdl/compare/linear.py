"""A method for comparison: one linear map for each position, or one for all. It is a PCA subspace, or ridge coding
on all good signals.

The distance is the norm of what the map leaves of a partly whitened signal. With "pca" this is the component
outside the subspace of the largest variances (the idea of SubspaceAD). With "ridge" it is the residual of
collaborative representation by all good signals X: y - X' (X X' + a I)^-1 X y (CRD: Li, Du, "Collaborative
representation for hyperspectral anomaly detection", TGRS 2015). Both follow from the covariance, so the cost of
judging does not grow with the number of images.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from psdl.methods import _whitening
from psdl.methods.base import SignalStore
from psdl.types import F32, F64, Coded, Run, Signals, State

ARRAYS = {
    "centre": ("float32", "M", "F"),
    "leave": ("float32", "M", "F", "F"),
    "mean": ("float32", "F"),
    "matrix": ("float32", "F", "F"),
}  # of the state: types and shapes


@dataclass(frozen=True)
class Params:
    """The settings of the method. `kind` is "pca" or "ridge". `bound` asks for one map for each position, else one
    serves all. `kept` is the share of the variance in pca's subspace. `ridge` is a as a share of the signals' mean
    energy. `whiten` is the degree of whitening, from 0 (none) to 1 (full)."""

    kind: str = "pca"
    bound: bool = True
    kept: float = 0.95
    ridge: float = 0.1
    whiten: float = 0.5


def fit(
    store: SignalStore,
    rows: NDArray[np.intp],
    params: Params,
    run: Run,
    done: Callable[[int], None],
    device: str = "cpu",
) -> State:
    """Learns the state from the images `rows` of the store: `centre` (M,F) and `leave` (M,F,F) float32 with M = P
    maps or 1, and the whitening `mean` (F,) and `matrix` (F,F)."""
    white = _whitening.fit(store.batches(rows), store.length, params.whiten)
    maps = store.grid.positions if params.bound else 1
    total, products = np.zeros((maps, store.length)), np.zeros((maps, store.length, store.length))
    for batch in store.batches(rows):
        values = _whitening.apply(white, batch).transpose(1, 0, 2).astype(np.float64)
        values = values if params.bound else values.reshape(1, -1, store.length)
        total += values.sum(axis=1)
        products += np.matmul(values.transpose(0, 2, 1), values)
    count = len(rows) * store.grid.positions // maps
    centre = total / count if params.kind == "pca" else np.zeros_like(total)
    covariance = products / count - centre[:, :, None] * centre[:, None, :]
    leave = np.stack([_left(one, params) for one in covariance]).astype(np.float32)
    done(store.grid.positions)
    arrays = {"centre": centre.astype(np.float32), "leave": leave, "mean": white.mean, "matrix": white.matrix}
    return State(store.grid, arrays)


def _left(covariance: F64, params: Params) -> F64:
    """Returns the matrix (F,F) that maps a signal to its residual."""
    values, vectors = np.linalg.eigh(covariance)
    values = np.maximum(values, 0)
    energy = max(float(values.sum()), 1e-300)
    if params.kind == "ridge":
        shares = params.ridge * energy / len(values) / (values + params.ridge * energy / len(values))
    else:
        before = np.cumsum(values[::-1])[::-1] - values  # variance in larger directions
        shares = (before >= params.kept * energy).astype(float)
    left: F64 = (vectors * shares) @ vectors.T
    return left


def workspace(images: int, positions: int, length: int, params: Params) -> int:
    """Returns the bytes that `fit` takes beyond the store."""
    return 4 * 8 * (positions if params.bound else 1) * length**2


def ready(state: State, params: Params, device: str = "cpu") -> Mapping[str, Any]:
    """Returns what `judge` reads: the whitening and the maps. Raises ValueError if they do not fit the grid."""
    if len(state.arrays["leave"]) not in (1, state.grid.positions):
        raise ValueError(f"{len(state.arrays['leave'])} maps do not fit {state.grid.positions} positions")
    white = _whitening.Whitening(state.arrays["mean"], state.arrays["matrix"])
    return {"white": white, "centre": state.arrays["centre"], "leave": state.arrays["leave"]}


def judge(ready: Mapping[str, Any], signals: Signals, threads: int = 1) -> Coded:
    """Returns the distances (n,P) of signals (n,P,F). They do not depend on the other images of the batch."""
    values = _whitening.apply(ready["white"], signals.values)
    found = np.empty(values.shape[:2], np.float32)
    for n, one in enumerate(values):
        left: F32 = np.matmul((one - ready["centre"])[:, None, :], ready["leave"])[:, 0]
        found[n] = np.sqrt(np.square(left).sum(axis=1))
    return Coded(found)
