"""Position-bound exemplars: a few good signals of its own place code a signal; what is left is its distance.

The dictionary of a position is a covering subset of its training signals, half-whitened, normalised and not
changed. Four atoms span the local subspace, and the position restricts the choice; with one atom of free scale
this is nearest neighbour search by angle. Recipe M of the project's explorations, with `sparse.cover`
in place of all signals.
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
from psdl.methods import _whitening
from psdl.methods._coding import at_once, coded
from psdl.methods.base import SignalStore
from psdl.types import Coded, Run, Signals, State

ARRAYS = {
    "dictionary": ("float16", "P", "K", "F"),
    "source": ("int32", "P", "K"),
    "mean": ("float32", "F"),
    "matrix": ("float32", "F", "F"),
}  # of the state: types and shapes
BLOCK = 16  # positions that one item of work learns


@dataclass(frozen=True)
class Params:
    """atoms: exemplars kept at a position (fewer where there are fewer images); sparsity: T, atoms a signal may
    use; whiten: 0 none to 1 full."""

    atoms: int = 128
    sparsity: int = 4
    whiten: float = 0.5


def fit(
    store: SignalStore,
    rows: NDArray[np.intp],
    params: Params,
    run: Run,
    done: Callable[[int], None],
    device: str = "cpu",
) -> State:
    """State with dictionary (P,K,F) float16, source (P,K) int32, the image in the store that each atom is from,
    and the whitening; learned on the images `rows` of the store."""
    white = _whitening.fit(store.batches(rows), store.length, params.whiten)
    positions = store.grid.positions
    step = at_once(len(rows), store.length, BLOCK)
    blocks = [(p, min(p + step, positions)) for p in range(0, positions, step)]
    dictionaries, sources = [], []
    for dictionary, source in run(partial(_fit_block, store, rows, params, white), blocks):
        dictionaries.append(dictionary)
        sources.append(source)
        done(len(dictionary))
    arrays = {"dictionary": np.concatenate(dictionaries), "source": np.concatenate(sources)}
    return State(store.grid, {**arrays, "mean": white.mean, "matrix": white.matrix})


def workspace(images: int, positions: int, length: int, params: Params) -> int:
    """Bytes that `fit` takes beyond the store."""
    chosen = min(params.atoms, images)
    held = 6 * 4 * images * length * at_once(images, length, BLOCK) * cores()
    return held + 2 * 2 * positions * chosen * length


def _fit_block(
    store: SignalStore, rows: NDArray[np.intp], params: Params, white: _whitening.Whitening, block: tuple[int, int]
) -> tuple[NDArray[np.float16], NDArray[np.int32]]:
    signals = _whitening.apply(white, store.positions(*block, rows))
    chosen = sparse.covering(signals, params.atoms, threads=1)
    atoms = np.take_along_axis(signals, chosen[..., None], axis=1)
    return (atoms / sparse.norms(atoms)).astype(np.float16), rows[chosen].astype(np.int32)


def extend(
    state: State, store: SignalStore, rows: NDArray[np.intp], params: Params, run: Run, before: int
) -> State:
    """The state with signals of the images `rows` of the store among the exemplars from which each position's are
    chosen anew; `before`: how many images it was learned from."""
    white = _whitening.Whitening(state.arrays["mean"], state.arrays["matrix"])
    step = at_once(len(rows) + params.atoms, store.length, BLOCK)
    blocks = [(p, min(p + step, store.grid.positions)) for p in range(0, store.grid.positions, step)]
    found = list(run(partial(_extend_block, state.arrays, store, rows, params, white, before), blocks))
    names = ("dictionary", "source")
    return State(
        state.grid,
        {**state.arrays, **dict(zip(names, map(np.concatenate, zip(*found, strict=True)), strict=True))},
    )


def _extend_block(
    arrays: Mapping[str, Any],
    store: SignalStore,
    rows: NDArray[np.intp],
    params: Params,
    white: _whitening.Whitening,
    before: int,
    block: tuple[int, int],
) -> tuple[NDArray[np.float16], NDArray[np.int32]]:
    signals = _whitening.apply(white, store.positions(*block, rows))
    typical = np.median(sparse.norms(signals), axis=1, keepdims=True)  # atoms have lost their own
    old = arrays["dictionary"][slice(*block)].astype(np.float32) * typical
    source = arrays["source"][slice(*block)]
    both = np.concatenate([old, signals], axis=1)
    news = np.broadcast_to((before + rows).astype(np.int32), (len(old), len(rows)))
    chosen = sparse.covering(both, params.atoms, threads=1)
    atoms = np.take_along_axis(both, chosen[..., None], axis=1)
    sources = np.take_along_axis(np.concatenate([source, news], axis=1), chosen, axis=1)
    return (atoms / sparse.norms(atoms)).astype(np.float16), sources.astype(np.int32)


def ready(state: State, params: Params, device: str = "cpu") -> Mapping[str, Any]:
    """What `judge` reads: the whitening, and the dictionary prepared.

    Raises ValueError if the dictionary does not fit the grid.
    """
    dictionary = state.arrays["dictionary"]
    if len(dictionary) != state.grid.positions:
        raise ValueError(
            f"the dictionary of a {state.grid.h} x {state.grid.w} grid has {len(dictionary)} positions"
        )
    white = _whitening.Whitening(state.arrays["mean"], state.arrays["matrix"])
    prepared = sparse.prepare(dictionary, half=True)
    return {"white": white, "prepared": prepared, "sparsity": params.sparsity, "device": device}


def judge(ready: Mapping[str, Any], signals: Signals, threads: int = 1) -> Coded:
    """Of signals (n,P,F): the distance is the norm of the residual."""
    values = _whitening.apply(ready["white"], signals.values)
    values = np.ascontiguousarray(values.transpose(1, 0, 2))
    residual, code, atom, norm = coded(values, ready, threads)
    return Coded(residual.T, code.T, residual.T, atom.T, norm.T)
