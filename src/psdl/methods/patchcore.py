"""PatchCore: the distance to the nearest of a coreset of good signals from anywhere. A baseline.

Source: Roth, Pemula, Zepeda, Schoelkopf, Brox, Gehler, "Towards total recall in industrial anomaly detection",
CVPR 2022: greedy k-centre coreset in a random projection (Sener, Savarese 2018). Its re-weighting of the image
score by the neighbours of the nearest good signal is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from psdl._util.blas import one_thread
from psdl.methods.base import SignalStore
from psdl.types import F32, Coded, Run, Signals, State

ARRAYS = {"bank": ("float32", "K", "F")}  # of the state: types and shapes


@dataclass(frozen=True)
class Params:
    """share: of the signals that the coreset keeps; projection: dimensions in which it is chosen; seed: of the
    projection and of the first signal."""

    share: float = 0.05
    projection: int = 64
    seed: int = 0


def fit(
    store: SignalStore,
    rows: NDArray[np.intp],
    params: Params,
    run: Run,
    done: Callable[[int], None],
    device: str = "cpu",
) -> State:
    """State with bank (K,F) float32: K = share of all signals of the images `rows`."""
    signals = np.concatenate([batch.reshape(-1, store.length) for batch in store.batches(rows)])
    rng = np.random.default_rng(np.random.SeedSequence(params.seed, spawn_key=(4,)))
    directions = rng.normal(size=(store.length, params.projection)).astype(np.float32)
    count = max(1, round(params.share * len(signals)))
    with one_thread:
        projected = signals @ directions
    chosen = coreset(projected, count, int(rng.integers(len(signals))))
    done(store.grid.positions)
    return State(store.grid, {"bank": np.ascontiguousarray(signals[np.sort(chosen)])})


def workspace(images: int, positions: int, length: int, params: Params) -> int:
    """Bytes that `fit` takes beyond the store: all signals once more, and their projections."""
    return 4 * images * positions * (round(length * (2 + params.share)) + 2 * params.projection)


def coreset(points: F32, count: int, first: int) -> NDArray[np.intp]:
    """Places (count,) of points (N,d): the first, then in turn the point farthest from those before it."""
    squares = np.square(points).sum(axis=1)
    chosen = np.empty(count, np.intp)
    nearest, place = np.full(len(points), np.inf, np.float32), first
    for n in range(count):
        chosen[n] = place
        away = points @ points[place]  # what follows makes this the squared distance, in place
        away *= -2
        away += squares
        away += squares[place]
        np.minimum(nearest, away, out=nearest)
        nearest[place] = -np.inf
        place = int(np.argmax(nearest))
    return chosen


def ready(state: State, params: Params, device: str = "cpu") -> Mapping[str, Any]:
    """What `judge` reads: the bank, transposed, and its squared norms."""
    bank = state.arrays["bank"]
    return {"bank": np.ascontiguousarray(bank.T), "squares": np.square(bank).sum(axis=1)}


def judge(ready: Mapping[str, Any], signals: Signals, threads: int = 1) -> Coded:
    """Of signals (n,P,F): the distance to the nearest in the bank. The same alone and in any batch."""
    found = np.empty(signals.values.shape[:2], np.float32)
    for n, values in enumerate(signals.values):
        away = ready["squares"] - 2 * (values @ ready["bank"])
        found[n] = np.sqrt(np.maximum(away.min(axis=1) + np.square(values).sum(axis=1), 0))
    return Coded(found)
