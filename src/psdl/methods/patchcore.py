"""PatchCore, a baseline: the distance to the nearest good signal of a coreset, from any position.

Source: Roth, Pemula, Zepeda, Schoelkopf, Brox, Gehler, "Towards total recall in industrial anomaly detection",
CVPR 2022, with the greedy k-centre coreset in a random projection (Sener, Savarese 2018). Its re-weighting of the
image score by the neighbours of the nearest good signal is left out.
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

ARRAYS = {"bank": ("float32", "K", "F")}  # dtype and shape of the state's array


@dataclass(frozen=True)
class Params:
    """The settings of the method.

    `share` is the share of the signals that the coreset keeps, above 0 and up to 1. `projection` is the number of
    dimensions in which it is chosen. `seed` is the seed of the projection and of the first signal.
    """

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
    """Returns the state with bank (K,F) float32, the coreset of all signals of the images `rows`.

    K is `share` times the number of these signals, rounded, and at least 1. `run` and `device` have no effect.
    """
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
    """Returns the bytes of memory that `fit` takes in addition to the store: the signals again, and their
    projections."""
    return 4 * images * positions * (round(length * (2 + params.share)) + 2 * params.projection)


def coreset(points: F32, count: int, first: int) -> NDArray[np.intp]:
    """Returns the indices (count,) of a greedy k-centre coreset of points (N,d).

    The first index is `first`; each further point is the one farthest from all points chosen before.
    """
    squares = np.square(points).sum(axis=1)
    chosen = np.empty(count, np.intp)
    nearest, place = np.full(len(points), np.inf, np.float32), first
    for n in range(count):
        chosen[n] = place
        away = points @ points[place]  # turned into the squared distance in place
        away *= -2
        away += squares
        away += squares[place]
        np.minimum(nearest, away, out=nearest)
        nearest[place] = -np.inf
        place = int(np.argmax(nearest))
    return chosen


def ready(state: State, params: Params, device: str = "cpu") -> Mapping[str, Any]:
    """Returns what `judge` reads: the bank, transposed, and the squared norms of its signals."""
    bank = state.arrays["bank"]
    return {"bank": np.ascontiguousarray(bank.T), "squares": np.square(bank).sum(axis=1)}


def judge(ready: Mapping[str, Any], signals: Signals, threads: int = 1) -> Coded:
    """Returns the distances (n,P) float32 of signals (n,P,F) to the nearest in the bank. Batches do not change
    them."""
    found = np.empty(signals.values.shape[:2], np.float32)
    for n, values in enumerate(signals.values):
        away = ready["squares"] - 2 * (values @ ready["bank"])
        found[n] = np.sqrt(np.maximum(away.min(axis=1) + np.square(values).sum(axis=1), 0))
    return Coded(found)
