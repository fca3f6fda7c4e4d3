"""One dictionary for all positions, whose atoms are good patches that cover the others.

In turn the good signal that the atoms so far code worst becomes an atom, so that rare good patches have atoms as
frequent ones have. With `learned` the first atoms come from approximate K-SVD instead, which gives the frequent
patches. The distance is the norm of what few atoms leave of a signal. As every atom knows the image it was cut
from, an image can be judged as if unseen by leaving out its own atoms.
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
}  # of the state: types and shapes
LEARNED = 16_384  # signals that K-SVD sees
COVERED = 65_536 * 152  # numbers that covering sees: so many signals of layers 2 and 3, fewer longer ones
ROUNDS = 6
STEPS = 14  # in which the atoms that cover are added


@dataclass(frozen=True)
class Params:
    """learned: atoms by K-SVD, 0 for good patches alone; atoms: how many there are after covering; sparsity: T,
    atoms a signal may use; whiten: 0 none to 1 full, with a `ridge` in shares of the mean variance; seed: of the
    signals drawn."""

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
    """State with dictionary (K,F) float16 and the whitening, learned on the images `rows` of the store; if all
    atoms are patches also with source and place (K,) int32, the image and the position that each was cut from."""
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
    """Atoms (params.learned,F) by K-SVD on some of the signals."""
    some = signals[rng.permutation(len(signals))[:LEARNED]]
    start = some[rng.permutation(len(some))[: min(params.learned, len(some))]]
    dictionary: F32
    dictionary, _ = sparse.learn(
        some, _units(start), sparsity=params.sparsity, rounds=ROUNDS, replace=False, device=device
    )
    return dictionary


def _units(signals: F32) -> F32:
    return np.asarray(signals / sparse.norms(signals), np.float32)


def workspace(images: int, positions: int, length: int, params: Params) -> int:
    """Bytes that `fit` takes beyond the store."""
    return 6 * 4 * min(COVERED, images * positions * length)


def extend(
    state: State, store: SignalStore, rows: NDArray[np.intp], params: Params, run: Run, before: int
) -> State:
    """The state with atoms that cover what its dictionary codes worst in the images `rows` of the store: as large
    a share of `atoms` as these are of all images, while there are at most twice `atoms`; `before`: how many images
    it was learned from."""
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
    """signals (n,F); source, place (n,) int32: the image in the store and the position that each is from."""

    signals: F32
    source: NDArray[np.int32]
    place: NDArray[np.int32]


def _drawn(store: SignalStore, rows: NDArray[np.intp], count: int, rng: np.random.Generator) -> _Drawn:
    """At most `count` signals, as many from each image, positions drawn without repetition."""
    each = max(1, min(store.grid.positions, count // len(rows)))
    signals, places = [], []
    for batch in store.batches(rows):
        some = rng.permuted(np.tile(np.arange(store.grid.positions), (len(batch), 1)), axis=1)[:, :each]
        signals.append(np.take_along_axis(batch, some[:, :, None], axis=1).reshape(-1, store.length))
        places.append(some.reshape(-1))
    place = np.concatenate(places).astype(np.int32)
    return _Drawn(np.concatenate(signals), np.repeat(rows, each).astype(np.int32), place)


def _covering(signals: F32, dictionary: F32, count: int) -> NDArray[np.intp]:
    """Places (count,) of the signals that become atoms beside `dictionary` (K,F): step by step those that one atom
    codes worst, diverse among themselves."""
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
    """best (n,) <- max(best, the squared correlation of each signal with its best of `atoms`)."""
    for n in range(0, len(signals), batch):
        found = np.square(np.abs(signals[n : n + batch] @ atoms.T).max(axis=1))
        np.maximum(best[n : n + batch], found, out=best[n : n + batch])


def held_out(
    state: State, store: SignalStore, params: Params, fold: NDArray[np.intp]
) -> Callable[[NDArray[np.intp]], State]:
    """A function of rows: the state as if only the images `rows`, those of all folds but one, had been there.

    fold (N,): the fold of each image of the store. The whitening is that of the rows; their patches among the
    atoms are whitened so, and the others become zero and code nothing. Which patches became atoms is not asked
    again.
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
    """The signals (K,F) that became atoms, as they were before they were whitened."""
    source, place = state.arrays["source"], state.arrays["place"]
    found = np.empty((len(source), store.length), np.float32)
    for n in np.unique(source):
        mine = source == n
        found[mine] = store.images(np.array([n])).values[0, place[mine]]
    return found


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
