"""The fitted state of one branch, ready to score signals, in this process or in another one."""

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
    """A branch with its fitted state, ready to score signals.

    `device` is where sparse coding runs. What the method prepares from the state is not pickled; another process
    prepares it again, because the kernels need aligned memory.
    """

    part: Part
    state: State
    device: str
    _made: dict[str, Mapping[str, Any]] = field(default_factory=dict, repr=False, compare=False)
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    @property
    def ready(self) -> Mapping[str, Any]:
        """What the method prepared from the state; it is computed once, by the first thread that needs it.

        Raises ValueError or TypeError if the state does not fit the method.
        """
        with self._lock:
            if "ready" not in self._made:
                self._made["ready"] = method_of(self.part).ready(self.state, params_of(self.part), self.device)
            return self._made["ready"]

    def __reduce__(self) -> tuple[Any, ...]:
        return Judge, (self.part, self.state, self.device)

    def __call__(self, signals: Signals, threads: int = 1) -> Coded:
        """Returns the output of the method for signals (n,P,F).

        Raises PsdlError if the signals have other positions than the state, and the branch is bound to positions.
        """
        if signals.grid.input != self.state.grid.input or signals.values.shape[1] != self.state.grid.positions:
            self._check_free(signals)
        return method_of(self.part).judge(self.ready, signals, threads)

    def _check_free(self, signals: Signals) -> None:
        """Raises PsdlError if the branch is bound to positions."""
        shapes = method_of(self.part).ARRAYS.values()
        if self.part.unseen or any("P" in shape for shape in shapes):
            (height, width), (h, w) = signals.grid.input, self.state.grid.input
            raise PsdlError(
                f"an image gives an input of {width} x {height} pixels with {signals.values.shape[1]} positions,"
                f" the model was learned from {w} x {h} with {self.state.grid.positions}: give images of its size"
            )

    def rows(self, store: Store, rows: NDArray[np.intp], run: Run) -> Coded:
        """Returns the output of the method for the images `rows` of a store, arrays (len(rows),P), without
        strongest atoms.

        `run` is the ordered map over which batches of images are spread.
        """
        batches = np.array_split(rows, max(1, -(-len(rows) // BATCH)))
        return joined(list(run(partial(_judge_batch, self, store), batches)))


def _judge_batch(judge: Judge, store: Store, batch: NDArray[np.intp]) -> Coded:
    return without_atoms(judge(store.images(batch)))


def check_grid(found: Grid, known: Grid) -> None:
    """Raises PsdlError if an image's grid is not the one that a branch was fitted on."""
    if found != known:
        raise PsdlError(
            f"the images give an input of {found.input[1]} x {found.input[0]} pixels, the model was learned from"
            f" {known.input[1]} x {known.input[0]}: give images of its size"
        )


def coder(device: str, asked: str) -> str:
    """Returns the device on which sparse coding runs: `device`, or "cpu" if torch does not find that.

    `asked` is the device that the user asked for. Raises PsdlError if it is `device` and torch does not find it.
    """
    if device == "cpu" or sparse.runs_on(device):
        return device
    if asked == device:
        raise PsdlError(
            f"`device` {asked} was asked for, but sparse coding finds no torch with it: install the extra [torch]"
            " with CUDA, or use `device` cpu"
        )
    return "cpu"
