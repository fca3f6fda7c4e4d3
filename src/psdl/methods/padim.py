"""PaDiM, a baseline: a Gaussian of the signals for each position; the distance is the Mahalanobis distance.

Source: Defard, Setkov, Loesch, Audigier, "PaDiM: a patch distribution modeling framework for anomaly detection and
localization", ICPR 2020 workshops, with randomly chosen channels and the covariance + 0.01 I. Sums run over
batches of images, so that memory does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from psdl._util.blas import one_thread
from psdl.methods.base import SignalStore
from psdl.types import Coded, Run, Signals, State

ARRAYS = {
    "channels": ("int64", "C"),
    "mean": ("float32", "P", "C"),
    "precision": ("float32", "P", "C", "C"),
}  # dtypes and shapes of the state's arrays
RIDGE = 0.01  # added to the covariance's diagonal, as the paper does


@dataclass(frozen=True)
class Params:
    """The settings of the method.

    `channels` is the number of components of a signal that are kept; `seed` is the seed of their random choice.
    """

    channels: int = 100
    seed: int = 0


@one_thread
def fit(
    store: SignalStore,
    rows: NDArray[np.intp],
    params: Params,
    run: Run,
    done: Callable[[int], None],
    device: str = "cpu",
) -> State:
    """Returns the state with channels (C,) int64, mean (P,C) and precision (P,C,C) float32 of the images `rows`.

    The precision is the inverse of the sample covariance + 0.01 I. `run` and `device` have no effect.
    """
    rng = np.random.default_rng(np.random.SeedSequence(params.seed, spawn_key=(3,)))
    channels = np.sort(rng.permutation(store.length)[: params.channels])
    shape = (store.grid.positions, len(channels))
    total, products = np.zeros(shape), np.zeros((*shape, len(channels)))
    for batch in store.batches(rows):
        chosen = batch[:, :, channels].transpose(1, 0, 2).astype(np.float64)
        total += chosen.sum(axis=1)
        products += np.matmul(chosen.transpose(0, 2, 1), chosen)
    mean = total / len(rows)
    products -= len(rows) * mean[:, :, None] * mean[:, None, :]
    covariance = products / max(1, len(rows) - 1) + RIDGE * np.eye(len(channels))
    precision = np.linalg.inv(covariance).astype(np.float32)
    done(store.grid.positions)
    return State(store.grid, {"channels": channels, "mean": mean.astype(np.float32), "precision": precision})


def workspace(images: int, positions: int, length: int, params: Params) -> int:
    """Returns the bytes of memory that `fit` takes in addition to the store."""
    return 5 * 8 * positions * min(params.channels, length) ** 2


def ready(state: State, params: Params, device: str = "cpu") -> Mapping[str, Any]:
    """Returns what `judge` reads: the state's arrays. Raises ValueError if they do not fit the grid."""
    if len(state.arrays["mean"]) != state.grid.positions or len(state.arrays["precision"]) != state.grid.positions:
        raise ValueError(
            f"the arrays of a {state.grid.h} x {state.grid.w} grid need {state.grid.positions} positions"
        )
    return state.arrays


def judge(ready: Mapping[str, Any], signals: Signals, threads: int = 1) -> Coded:
    """Returns the Mahalanobis distances (n,P) float32 of signals (n,P,F). An image has the same bits in any
    batch."""
    found = np.empty(signals.values.shape[:2], np.float32)
    for n, values in enumerate(signals.values):
        offset = values[:, ready["channels"]] - ready["mean"]
        turned = np.matmul(offset[:, None, :], ready["precision"])[:, 0]
        found[n] = np.sqrt(np.maximum((turned * offset).sum(axis=1), 0))
    return Coded(found)
