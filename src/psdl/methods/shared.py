"""One dictionary for all positions, grown by covering: for parts that do not lie the same way in every image.

Approximate K-SVD gives the frequent patches; then the worst-coded good signals are added as atoms, since plain
K-SVD spends its atoms on the frequent and leaves rare good patches to raise alarms. The distance is the norm of
what few atoms leave of a signal. Recipe M of the project's explorations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from psdl import sparse
from psdl.methods import _whitening
from psdl.methods._coding import coded
from psdl.types import F32, Coded, Run, Signals, State

READS = "images"
ARRAYS = {
    "dictionary": ("float16", "K", "F"),
    "mean": ("float32", "F"),
    "matrix": ("float32", "F", "F"),
}  # of the state: types and shapes
LEARNED = 16_384  # signals that K-SVD sees
COVERED = 131_072 * 152  # numbers that covering sees: so many signals of layers 2 and 3, fewer longer ones
ROUNDS = 6
STEPS = 14  # in which the atoms that cover are added


@dataclass(frozen=True)
class Params:
    """learned: atoms by K-SVD; atoms: how many there are after covering; sparsity: T, atoms a signal may use;
    whiten: 0 none to 1 full; seed: of the signals drawn."""

    learned: int = 256
    atoms: int = 2048
    sparsity: int = 2
    whiten: float = 0.5
    seed: int = 0


def fit(
    store: Any,
    rows: NDArray[np.intp],
    params: Params,
    run: Run,
    done: Callable[[int], None],
    device: str = "cpu",
) -> State:
    """State with dictionary (K,F) float16 and the whitening, learned on the images `rows` of the store."""
    white = _whitening.fit(store.batches(rows), store.length, params.whiten)
    rng = np.random.default_rng(np.random.SeedSequence(params.seed, spawn_key=(2,)))
    signals = _whitening.apply(white, _drawn(store, rows, COVERED // store.length, rng))
    learned = signals[rng.permutation(len(signals))[:LEARNED]]
    count = min(params.learned, len(learned))
    start = learned[rng.permutation(len(learned))[:count]]
    start = start / sparse.norms(start)
    dictionary, _ = sparse.learn(
        learned, start, sparsity=params.sparsity, rounds=ROUNDS, replace=False, device=device
    )
    dictionary = _cover(signals, dictionary, min(params.atoms, len(signals)))
    done(store.grid.positions)
    arrays: dict[str, NDArray[Any]] = {
        "dictionary": dictionary.astype(np.float16),
        "mean": white.mean,
        "matrix": white.matrix,
    }
    return State(store.grid, arrays)


def workspace(images: int, positions: int, length: int, params: Params) -> int:
    """Bytes that `fit` takes beyond the store."""
    return 6 * 4 * min(COVERED, images * positions * length)


def extend(state: State, store: Any, rows: NDArray[np.intp], params: Params, run: Run, before: int) -> State:
    """The state with atoms that cover what its dictionary codes worst in the images `rows` of the store: as large
    a share of `atoms` as these are of all images, while there are at most twice `atoms`; `before`: how many images
    it was learned from."""
    white = _whitening.Whitening(state.arrays["mean"], state.arrays["matrix"])
    rng = np.random.default_rng(np.random.SeedSequence(params.seed, spawn_key=(2, before)))
    signals = _whitening.apply(white, _drawn(store, rows, COVERED // store.length, rng))
    dictionary = state.arrays["dictionary"].astype(np.float32)
    wanted = round(params.atoms * len(rows) / (before + len(rows)))
    wanted = max(0, min(wanted, 2 * params.atoms - len(dictionary), len(signals)))
    grown = _cover(signals, dictionary, len(dictionary) + wanted) if wanted else dictionary
    return State(state.grid, {**state.arrays, "dictionary": grown.astype(np.float16)})


def _drawn(store: Any, rows: NDArray[np.intp], count: int, rng: np.random.Generator) -> F32:
    """At most `count` signals (n,F), as many from each image, positions drawn without repetition."""
    each = max(1, min(store.grid.positions, count // len(rows)))
    parts = []
    for batch in store.batches(rows):
        places = rng.permuted(np.tile(np.arange(store.grid.positions), (len(batch), 1)), axis=1)[:, :each]
        parts.append(np.take_along_axis(batch, places[:, :, None], axis=1).reshape(-1, store.length))
    return np.concatenate(parts)


def _cover(signals: F32, dictionary: F32, atoms: int) -> F32:
    """The dictionary grown to `atoms` by the signals that one atom of it codes worst, step by step."""
    energy = np.square(sparse.norms(signals))[:, 0]
    best = np.zeros(len(signals), np.float32)
    grown = [dictionary]
    new = dictionary
    for step in range(STEPS):
        _raise_best(best, signals, new)
        left = np.maximum(energy - best, 0)
        wanted = (atoms - len(dictionary)) * (step + 1) // STEPS - sum(map(len, grown[1:]))
        if wanted <= 0:
            continue
        worst = np.argsort(-left, kind="stable")[: 4 * wanted]
        new = sparse.cover(signals[worst], wanted, left[worst])
        grown.append(new)
    return np.concatenate(grown)


def _raise_best(best: F32, signals: F32, atoms: F32, batch: int = 8192) -> None:
    """best (n,) <- max(best, the squared correlation of each signal with its best of `atoms`)."""
    for n in range(0, len(signals), batch):
        found = np.square(np.abs(signals[n : n + batch] @ atoms.T).max(axis=1))
        np.maximum(best[n : n + batch], found, out=best[n : n + batch])


def ready(state: State, params: Params, device: str = "cpu") -> Mapping[str, Any]:
    """What `judge` reads: the whitening, and the dictionary prepared."""
    white = _whitening.Whitening(state.arrays["mean"], state.arrays["matrix"])
    atoms = state.arrays["dictionary"].astype(np.float32)
    prepared = sparse.prepare(atoms, gram=device == "cpu")
    return {"white": white, "prepared": prepared, "sparsity": params.sparsity, "device": device}


def judge(ready: Mapping[str, Any], signals: Signals, threads: int = 1) -> Coded:
    """Of signals (n,P,F): the distance is the norm of the residual."""
    values = _whitening.apply(ready["white"], signals.values)
    flat, shape = np.ascontiguousarray(values.reshape(-1, values.shape[2])), values.shape[:2]
    residual, code, atom, norm = coded(flat, ready, threads)
    residual = residual.reshape(shape)
    return Coded(residual, code.reshape(shape), residual, atom.reshape(shape), norm.reshape(shape))
