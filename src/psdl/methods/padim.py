"""PaDiM: per position a Gaussian of the signal itself; the distance is Mahalanobis'. A baseline.

Source: Defard, Setkov, Loesch, Audigier, "PaDiM: a patch distribution modeling framework for anomaly detection and
localization", ICPR 2020 workshops: random channels by seed, covariance + 0.01 I. Sums run over the images, so that
nothing grows with their number.
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
}  # of the state: types and shapes
RIDGE = 0.01  # added to the covariance's diagonal, as the paper does


@dataclass(frozen=True)
class Params:
    """channels: how many of the signal's channels are kept; seed: of the draw."""

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
    """State with channels (F',), mean (P,F') and precision (P,F',F') float32, from the images `rows`."""
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
    """Bytes that `fit` takes beyond the store."""
    return 5 * 8 * positions * min(params.channels, length) ** 2


def ready(state: State, params: Params, device: str = "cpu") -> Mapping[str, Any]:
    """What `judge` reads: the state's arrays. Raises ValueError if they do not fit the grid."""
    if len(state.arrays["mean"]) != state.grid.positions or len(state.arrays["precision"]) != state.grid.positions:
        raise ValueError(
            f"the arrays of a {state.grid.h} x {state.grid.w} grid need {state.grid.positions} positions"
        )
    return state.arrays


def judge(ready: Mapping[str, Any], signals: Signals, threads: int = 1) -> Coded:
    """Of signals (n,P,F): the distance only. The same alone and in any batch."""
    found = np.empty(signals.values.shape[:2], np.float32)
    for n, values in enumerate(signals.values):
        offset = values[:, ready["channels"]] - ready["mean"]
        turned = np.matmul(offset[:, None, :], ready["precision"])[:, 0]
        found[n] = np.sqrt(np.maximum((turned * offset).sum(axis=1), 0))
    return Coded(found)
