"""Dictionaries of exemplars, one for each position: sparse codes of a few good signals from the same position.

The dictionary of a position is a covering subset of its good signals after partial whitening, normalised and
otherwise unchanged. The distance of a signal is the norm of the residual of its code. With one atom for each
signal this is nearest-neighbour search by angle; several atoms span a local subspace.
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
}  # dtypes and shapes of the state's arrays
BLOCK = 16  # positions that one item of work learns


@dataclass(frozen=True)
class Params:
    """The settings of the method.

    `atoms` is the number of exemplars for each position; there are fewer if there are fewer images. `sparsity` is
    T, the largest number of atoms that code a signal. `whiten` is the power of the whitening, from 0 (none) to 1
    (full).
    """

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
    """Returns the state learned from the images `rows` of the store.

    Its arrays are dictionary (P,K,F) float16, source (P,K) int32, which is the index in the store of the image
    that each atom comes from, and the whitening's mean (F,) and matrix (F,F) float32. `done` is called with the
    number of positions learned. `device` has no effect on learning.
    """
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
    """Returns the bytes of memory that `fit` takes in addition to the store."""
    chosen = min(params.atoms, images)
    held = 6 * 4 * images * length * at_once(images, length, BLOCK) * cores()
    return held + 2 * 2 * positions * chosen * length


def _fit_block(
    store: SignalStore, rows: NDArray[np.intp], params: Params, white: _whitening.Whitening, block: tuple[int, int]
) -> tuple[NDArray[np.float16], NDArray[np.int32]]:
    """Returns the atoms (p,K,F) float16 of a block (first, last) of positions and their images (p,K) int32."""
    signals = _whitening.apply(white, store.positions(*block, rows))
    chosen = sparse.covering(signals, params.atoms, threads=1)
    atoms = np.take_along_axis(signals, chosen[..., None], axis=1)
    return (atoms / sparse.norms(atoms)).astype(np.float16), rows[chosen].astype(np.int32)


def extend(
    state: State, store: SignalStore, rows: NDArray[np.intp], params: Params, run: Run, before: int
) -> State:
    """Returns the state with the exemplars of each position chosen again from its atoms and the new signals.

    `rows` are the new images in the store; `before` is the number of images that the state was learned from. The
    whitening stays as it is.
    """
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
    """Returns the atoms (p,K,F) float16 of a block of positions and their images (p,K) int32.

    The old atoms have lost their norms; they get the median norm of the new signals at their position.
    """
    signals = _whitening.apply(white, store.positions(*block, rows))
    typical = np.median(
        sparse.norms(signals), axis=1, keepdims=True
    )  # for the old atoms, whose own norms are lost
    old = arrays["dictionary"][slice(*block)].astype(np.float32) * typical
    source = arrays["source"][slice(*block)]
    both = np.concatenate([old, signals], axis=1)
    news = np.broadcast_to((before + rows).astype(np.int32), (len(old), len(rows)))
    chosen = sparse.covering(both, params.atoms, threads=1)
    atoms = np.take_along_axis(both, chosen[..., None], axis=1)
    sources = np.take_along_axis(np.concatenate([source, news], axis=1), chosen, axis=1)
    return (atoms / sparse.norms(atoms)).astype(np.float16), sources.astype(np.int32)


def ready(state: State, params: Params, device: str = "cpu") -> Mapping[str, Any]:
    """Returns what `judge` reads: the whitening, and the dictionary prepared for coding.

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
    """Returns the distances of signals (n,P,F): the norms of the residuals, with codes, strongest atoms and signal
    norms."""
    values = _whitening.apply(ready["white"], signals.values)
    values = np.ascontiguousarray(values.transpose(1, 0, 2))
    residual, code, atom, norm = coded(values, ready, threads)
    return Coded(residual.T, code.T, residual.T, atom.T, norm.T)
