"""What a part learned, ready to judge signals, here or in another process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from psdl import sparse
from psdl.errors import PsdlError
from psdl.features.store import Store
from psdl.methods.base import method_of, params_of
from psdl.scoring.coded import joined, without_atoms
from psdl.types import Coded, Grid, Part, Run, Signals, State

__all__ = ["Judge", "check_grid", "coder"]

BATCH = 16  # images judged at once


@dataclass(frozen=True)
class Judge:
    """A part's method with what it learned. Another process makes it ready anew: kernels ask for aligned
    memory."""

    part: Part
    state: State
    device: str
    _made: dict[str, Mapping[str, Any]] = field(default_factory=dict, repr=False, compare=False)
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    @property
    def ready(self) -> Mapping[str, Any]:
        """What the method judges by, made once, by whichever thread comes first. Raises ValueError and TypeError
        where the state does not fit the method."""
        with self._lock:
            if "ready" not in self._made:
                self._made["ready"] = method_of(self.part).ready(self.state, params_of(self.part), self.device)
            return self._made["ready"]

    def __reduce__(self) -> tuple[Any, ...]:
        return Judge, (self.part, self.state, self.device)

    def __call__(self, signals: Signals, threads: int = 1) -> Coded:
        """What the method says of signals (n,P,F). Raises PsdlError where they are of other positions than those
        that a position-bound part learned."""
        if signals.grid.input != self.state.grid.input or signals.values.shape[1] != self.state.grid.positions:
            self._check_free(signals)
        return method_of(self.part).judge(self.ready, signals, threads)

    def _check_free(self, signals: Signals) -> None:
        shapes = method_of(self.part).ARRAYS.values()
        if self.part.unseen or any("P" in shape for shape in shapes):
            (height, width), (h, w) = signals.grid.input, self.state.grid.input
            raise PsdlError(
                f"an image gives an input of {width} x {height} pixels with {signals.values.shape[1]} positions,"
                f" the model was learned from {w} x {h} with {self.state.grid.positions}: give images of its size"
            )

    def rows(self, store: Store, rows: NDArray[np.intp], run: Run) -> Coded:
        """What the method says of the store's images `rows`, arrays (len(rows),P), without the strongest atoms."""
        batches = np.array_split(rows, max(1, -(-len(rows) // BATCH)))
        return joined(list(run(partial(_judge_batch, self, store), batches)))


def _judge_batch(judge: Judge, store: Store, batch: NDArray[np.intp]) -> Coded:
    return without_atoms(judge(store.images(batch)))


def check_grid(found: Grid, known: Grid) -> None:
    """Raises PsdlError where an image's grid is not the one that a part was learned on."""
    if found != known:
        raise PsdlError(
            f"the images give an input of {found.input[1]} x {found.input[0]} pixels, the model was learned from"
            f" {known.input[1]} x {known.input[0]}: give images of its size"
        )


def coder(device: str, asked: str) -> str:
    """Where sparse coding runs: `device`, or the CPU where torch finds none and none was `asked` for.
    Raises PsdlError where it was."""
    if device == "cpu" or sparse.runs_on(device):
        return device
    if asked == device:
        raise PsdlError(
            f"`device` {asked} was asked for, but sparse coding finds no torch with it: install the extra [torch]"
            " with CUDA, or use `device` cpu"
        )
    return "cpu"
