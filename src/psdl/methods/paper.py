"""The paper's method: for each position a learned dictionary, and a Gaussian of code norm and residual energy.

Source: "Patchwise Sparse Dictionary Learning from pre-trained Neural Network Activation Maps for Anomaly Detection
in Images", ICPR 2022. The dictionary starts as a DCT and is learned by approximate K-SVD. The distance of a signal
is the Mahalanobis distance of the L1 norm of its code and the energy (squared norm) of its residual from the
Gaussian of the training signals at its position.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from psdl import sparse
from psdl._util.machine import cores
from psdl.methods._coding import at_once
from psdl.methods.base import SignalStore
from psdl.types import F32, F64, Coded, Run, Signals, State

ARRAYS = {
    "dictionary": ("float32", "P", "K", "F"),
    "mean": ("float64", "P", 2),
    "precision": ("float64", "P", 2, 2),
}  # dtypes and shapes of the state's arrays
BLOCK = 4  # positions that one item of work learns
RIDGE = 0.01  # added to the covariance's diagonal, as the paper does


@dataclass(frozen=True)
class Params:
    """The settings of the method.

    `sparsity` is T / F, the number of atoms that code a signal as a share of the signal length, above 0 and up to
    1. `rounds` is the number of K-SVD iterations.
    """

    sparsity: float = 0.25
    rounds: int = 20


def _atoms_per_signal(length: int, params: Params) -> int:
    """Returns T = round(F * sparsity), at least 1."""
    return max(1, round(length * params.sparsity))


def fit(
    store: SignalStore,
    rows: NDArray[np.intp],
    params: Params,
    run: Run,
    done: Callable[[int], None],
    device: str = "cpu",
) -> State:
    """Returns the state learned from the images `rows` of the store.

    Its arrays are dictionary (P,K,F) float32, mean (P,2) and precision (P,2,2) float64. `done` is called with the
    number of positions learned. `device` is where sparse coding runs.
    """
    positions = store.grid.positions
    step = at_once(len(rows), store.length, BLOCK)
    blocks = [(p, min(p + step, positions)) for p in range(0, positions, step)]
    found = []
    for block in run(partial(_fit_block, store, rows, params, device), blocks):
        found.append(block)
        done(len(block[0]))
    names = ("dictionary", "mean", "precision")
    arrays = {name: np.concatenate(parts) for name, parts in zip(names, zip(*found, strict=True), strict=True)}
    return State(store.grid, arrays)


def workspace(images: int, positions: int, length: int, params: Params) -> int:
    """Returns the bytes of memory that `fit` takes in addition to the store."""
    held = 8 * 4 * images * length * at_once(images, length, BLOCK) * cores()
    return held + 2 * 4 * positions * length**2


def _fit_block(
    store: SignalStore, rows: NDArray[np.intp], params: Params, device: str, block: tuple[int, int]
) -> tuple[F32, F64, F64]:
    """Returns the dictionaries, means and precisions of a block (first, last) of positions."""
    signals = store.positions(*block, rows)
    T = _atoms_per_signal(store.length, params)
    start = sparse.dct(store.length)
    dictionary, codes = sparse.learn(
        signals, start, sparsity=T, rounds=params.rounds, replace=False, threads=1, device=device
    )
    mean, precision = _gaussians(_statistics(signals, dictionary, codes, 1))
    return dictionary, mean, precision


def _statistics(signals: F32, dictionary: F32 | sparse.Prepared, codes: sparse.Codes, threads: int) -> F64:
    """Returns (P,n,2) float64: the L1 norm of each code and the energy of its residual."""
    residual = sparse.residual(signals, dictionary, codes, threads=threads).astype(np.float64)
    norm = np.abs(codes.coefficients.astype(np.float64)).sum(axis=2)
    return np.stack([norm, np.square(residual).sum(axis=2)], axis=2)


def _gaussians(statistics: F64) -> tuple[F64, F64]:
    """Returns the mean (P,2) and the precision (P,2,2) of statistics (P,N,2).

    The precision is the inverse of the sample covariance, whose divisor is N - 1, plus RIDGE times the identity.
    """
    mean = statistics.mean(axis=1)
    centred = statistics - mean[:, None]
    covariance = np.matmul(centred.transpose(0, 2, 1), centred) / max(1, statistics.shape[1] - 1)
    return mean, np.linalg.inv(covariance + RIDGE * np.eye(2))


def ready(state: State, params: Params, device: str = "cpu") -> Mapping[str, Any]:
    """Returns what `judge` reads: the state with its dictionary prepared for coding (Gram matrices on the CPU).

    Raises ValueError if the arrays do not fit the grid.
    """
    dictionary, P = state.arrays["dictionary"], state.grid.positions
    if (len(dictionary), state.arrays["mean"].shape, state.arrays["precision"].shape) != (P, (P, 2), (P, 2, 2)):
        raise ValueError(f"the arrays of a {state.grid.h} x {state.grid.w} grid need {P} positions")
    T = _atoms_per_signal(dictionary.shape[2], params)
    prepared = sparse.prepare(dictionary, gram=device == "cpu")
    return {**state.arrays, "prepared": prepared, "sparsity": T, "device": device}


def judge(ready: Mapping[str, Any], signals: Signals, threads: int = 1) -> Coded:
    """Returns the distances of signals (n,P,F): the Mahalanobis distances of (code L1 norm, residual energy).

    The result also has the code norms, the residual norms and the strongest atoms.
    """
    values = np.ascontiguousarray(signals.values.transpose(1, 0, 2))
    prepared = ready["prepared"]
    codes = sparse.omp(values, prepared, sparsity=ready["sparsity"], threads=threads, device=ready["device"])
    statistics = _statistics(values, prepared, codes, threads)
    offset = statistics - ready["mean"][:, None]
    P = ready["precision"]
    squared = (
        offset[..., 0] ** 2 * P[:, None, 0, 0]
        + 2 * offset[..., 0] * offset[..., 1] * P[:, None, 0, 1]
        + offset[..., 1] ** 2 * P[:, None, 1, 1]
    )
    found = [np.sqrt(np.maximum(squared, 0)), statistics[..., 0], np.sqrt(statistics[..., 1])]
    distance, norm, residual = (values.T.astype(np.float32) for values in found)
    return Coded(distance, norm, residual, sparse.strongest(codes)[1].T)
