"""One dictionary for all positions, whose atoms are good patches that cover the others.

The atoms are chosen step by step from the good signals that the atoms so far code worst, so that rare good patches
get atoms as frequent ones do. With `learned`, the first atoms come from approximate K-SVD instead, which
represents the frequent patches. The distance of a signal is the norm of the residual of its sparse code. Without
`learned`, the image that each atom was cut from is known. An image that was learned from can then be scored as if
it were new, by leaving out its own atoms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from psdl import sparse
from psdl._util.blas import one_thread
from psdl.methods import _whitening
from psdl.methods._coding import coded
from psdl.methods.base import SignalStore
from psdl.types import F32, Coded, Run, Signals, State

ARRAYS = {
    "dictionary": ("float16", "K", "F"),
    "mean": ("float32", "F"),
    "matrix": ("float32", "F", "F"),
}  # dtypes and shapes of the state's arrays
LEARNED = 16_384  # signals, at most, from which K-SVD learns
COVERED = 65_536 * 152  # numbers in the signals to cover: 65,536 signals of layer2 and layer3
ROUNDS = 6
STEPS = 14  # in which the covering atoms are added


@dataclass(frozen=True)
class Params:
    """The settings of the method.

    - `learned` is the number of atoms from K-SVD; 0 takes good patches alone.
    - `atoms` is the number of all atoms; there are fewer if there are fewer signals.
    - `sparsity` is T, the largest number of atoms that code a signal.
    - `whiten` is the power of the whitening, from 0 (none) to 1 (full).
    - `ridge` is the ridge of the whitening as a multiple of the mean variance.
    - `seed` is the seed of the random choice of signals.
    """

    learned: int = 0
    atoms: int = 1024
    sparsity: int = 2
    whiten: float = 0.5
    ridge: float = 0.1
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
    """Returns the state learned from the images `rows` of the store.

    Its arrays are dictionary (K,F) float16 and the whitening's mean (F,) and matrix (F,F) float32. If all atoms
    are patches, it also has source and place (K,) int32: the image in the store and the position that each atom
    was cut from. `device` is where sparse coding runs; `run` has no effect.
    """
    white = _whitening.fit(store.batches(rows), store.length, params.whiten, params.ridge)
    rng = np.random.default_rng(np.random.SeedSequence(params.seed, spawn_key=(2,)))
    drawn = _drawn(store, rows, COVERED // store.length, rng)
    signals = _whitening.apply(white, drawn.signals)
    start = _learned(signals, params, rng, device) if params.learned else np.empty((0, store.length), np.float32)
    added = _covering(signals, start, min(params.atoms, len(signals)) - len(start))
    dictionary = np.concatenate([start, _units(signals[added])])
    done(store.grid.positions)
    arrays: dict[str, NDArray[Any]] = {
        "dictionary": dictionary.astype(np.float16),
        "mean": white.mean,
        "matrix": white.matrix,
    }
    if not params.learned:
        arrays |= {"source": drawn.source[added], "place": drawn.place[added]}
    return State(store.grid, arrays)


def _learned(signals: F32, params: Params, rng: np.random.Generator, device: str) -> F32:
    """Returns atoms (params.learned,F) from K-SVD on a random choice of the signals."""
    some = signals[rng.permutation(len(signals))[:LEARNED]]
    start = some[rng.permutation(len(some))[: min(params.learned, len(some))]]
    dictionary: F32
    dictionary, _ = sparse.learn(
        some, _units(start), sparsity=params.sparsity, rounds=ROUNDS, replace=False, device=device
    )
    return dictionary


def _units(signals: F32) -> F32:
    """Returns signals (...,F) scaled to norm 1, float32."""
    return np.asarray(signals / sparse.norms(signals), np.float32)


def workspace(images: int, positions: int, length: int, params: Params) -> int:
    """Returns the bytes of memory that `fit` takes in addition to the store."""
    return 6 * 4 * min(COVERED, images * positions * length)


def extend(
    state: State, store: SignalStore, rows: NDArray[np.intp], params: Params, run: Run, before: int
) -> State:
    """Returns the state with more atoms, which cover the signals of the images `rows` that its dictionary codes
    worst.

    The number of new atoms is `atoms` times the share of the new images among all, as long as the total does not
    exceed twice `atoms`. `before` is the number of images that the state was learned from. The whitening stays as
    it is; `run` has no effect.
    """
    white = _whitening.Whitening(state.arrays["mean"], state.arrays["matrix"])
    rng = np.random.default_rng(np.random.SeedSequence(params.seed, spawn_key=(2, before)))
    drawn = _drawn(store, rows, COVERED // store.length, rng)
    signals = _whitening.apply(white, drawn.signals)
    dictionary = state.arrays["dictionary"].astype(np.float32)
    wanted = round(params.atoms * len(rows) / (before + len(rows)))
    wanted = max(0, min(wanted, 2 * params.atoms - len(dictionary), len(signals)))
    added = _covering(signals, dictionary, wanted)
    grown = {"dictionary": np.concatenate([dictionary, _units(signals[added])]).astype(np.float16)}
    if "source" in state.arrays:
        news = {"source": before + drawn.source[added], "place": drawn.place[added]}
        grown |= {name: np.append(state.arrays[name], value).astype(np.int32) for name, value in news.items()}
    return State(state.grid, {**state.arrays, **grown})


class _Drawn(NamedTuple):
    """Signals (n,F), and the image in the store (source) and the position (place) of each, both (n,) int32."""

    signals: F32
    source: NDArray[np.int32]
    place: NDArray[np.int32]


def _drawn(store: SignalStore, rows: NDArray[np.intp], count: int, rng: np.random.Generator) -> _Drawn:
    """Returns about `count` signals at most, equally many from each image, at positions drawn without
    repetition."""
    each = max(1, min(store.grid.positions, count // len(rows)))
    signals, places = [], []
    for batch in store.batches(rows):
        some = rng.permuted(np.tile(np.arange(store.grid.positions), (len(batch), 1)), axis=1)[:, :each]
        signals.append(np.take_along_axis(batch, some[:, :, None], axis=1).reshape(-1, store.length))
        places.append(some.reshape(-1))
    place = np.concatenate(places).astype(np.int32)
    return _Drawn(np.concatenate(signals), np.repeat(rows, each).astype(np.int32), place)


def _covering(signals: F32, dictionary: F32, count: int) -> NDArray[np.intp]:
    """Returns the indices (count,) of the signals that become atoms in addition to `dictionary` (K,F).

    In each of STEPS steps they are chosen among the signals that a single atom codes worst, such that they differ
    from each other.
    """
    energy = np.square(sparse.norms(signals))[:, 0]
    best = np.zeros(len(signals), np.float32)
    new, found = dictionary, np.empty(0, np.intp)
    for step in range(STEPS):
        if len(new):
            _raise_best(best, signals, new)
        left = np.maximum(energy - best, 0)
        left[found] = 0
        wanted = count * (step + 1) // STEPS - len(found)
        if wanted <= 0:
            new = dictionary[:0]
            continue
        worst = np.argsort(-left, kind="stable")[: 4 * wanted]
        chosen = worst[sparse.covering(signals[worst], wanted, left[worst])]
        new, found = _units(signals[chosen]), np.append(found, chosen)
    return found


def _raise_best(best: F32, signals: F32, atoms: F32, batch: int = 8192) -> None:
    """Updates best (n,) in place to the maximum of itself and the squared correlation of each signal with its best
    atom."""
    for n in range(0, len(signals), batch):
        found = np.square(np.abs(signals[n : n + batch] @ atoms.T).max(axis=1))
        np.maximum(best[n : n + batch], found, out=best[n : n + batch])


def held_out(
    state: State, store: SignalStore, params: Params, fold: NDArray[np.intp]
) -> Callable[[NDArray[np.intp]], State]:
    """Returns a function that maps rows to the state as if it were learned from the images `rows` alone.

    `fold` (N,) is the fold of each image of the store; `rows` are the images of all folds but one. The whitening
    is that of the rows. Atoms cut from other images become zero, so that they code nothing; the remaining ones are
    whitened anew. The choice of the atoms itself is not repeated.
    """
    patches, source = _patches(state, store), state.arrays["source"]
    each = [
        _whitening.moments(store.batches(np.nonzero(fold == f)[0]), store.length)
        for f in range(int(fold.max()) + 1)
    ]

    def without_others(rows: NDArray[np.intp]) -> State:
        found = _whitening.joined([each[f] for f in np.unique(fold[rows])])
        white = _whitening.of_moments(found, params.whiten, params.ridge)
        atoms = _units(_whitening.apply(white, patches))
        atoms[~np.isin(source, rows)] = 0
        arrays: dict[str, NDArray[Any]] = {
            "dictionary": atoms.astype(np.float16),
            "mean": white.mean,
            "matrix": white.matrix,
        }
        return replace(state, arrays={**state.arrays, **arrays})

    return without_others


def _patches(state: State, store: SignalStore) -> F32:
    """Returns the unwhitened signals (K,F) that became atoms."""
    source, place = state.arrays["source"], state.arrays["place"]
    found = np.empty((len(source), store.length), np.float32)
    for n in np.unique(source):
        mine = source == n
        found[mine] = store.images(np.array([n])).values[0, place[mine]]
    return found


def ready(state: State, params: Params, device: str = "cpu") -> Mapping[str, Any]:
    """Returns what `judge` reads: the whitening, and the dictionary prepared for coding."""
    white = _whitening.Whitening(state.arrays["mean"], state.arrays["matrix"])
    atoms = state.arrays["dictionary"].astype(np.float32)
    prepared = sparse.prepare(atoms, gram=device == "cpu")
    return {"white": white, "prepared": prepared, "sparsity": params.sparsity, "device": device}


def judge(ready: Mapping[str, Any], signals: Signals, threads: int = 1) -> Coded:
    """Returns the distances of signals (n,P,F): the norms of the residuals, with codes, strongest atoms and signal
    norms."""
    values = _whitening.apply(ready["white"], signals.values)
    flat, shape = np.ascontiguousarray(values.reshape(-1, values.shape[2])), values.shape[:2]
    residual, code, atom, norm = coded(flat, ready, threads)
    residual = residual.reshape(shape)
    return Coded(residual, code.reshape(shape), residual, atom.reshape(shape), norm.reshape(shape))
