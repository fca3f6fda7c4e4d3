"""The signals of a set: written by images, read by images or by positions; in memory or in one mapped file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from psdl.types import F32, Grid, Signals

IN_MEMORY = 2 << 30  # bytes; larger sets go to a memory-mapped file


def size(images: int, positions: int, length: int) -> int:
    """Bytes that the signals of a set take."""
    return 4 * images * positions * length


class Store:
    """Signals (N,P,F) float32 of N images on one grid. Close it (or use `with`) to remove its file."""

    def __init__(self, images: int, grid: Grid, length: int, folder: str | None = None) -> None:
        self.grid = grid
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        shape = (images, grid.positions, length)
        if size(*shape) <= IN_MEMORY:
            self._values = np.empty(shape, np.float32)
        else:
            self._folder = tempfile.TemporaryDirectory(prefix="psdl-", dir=folder)
            path = Path(self._folder.name) / "signals.f32"
            self._values = np.memmap(path, np.float32, "w+", shape=shape)

    @property
    def length(self) -> int:
        return int(self._values.shape[2])

    def write(self, image: int, signals: Signals) -> None:
        """One image's signals (1,P,F)."""
        self._values[image] = signals.values[0]

    def images(self, rows: NDArray[np.intp]) -> Signals:
        """Signals (n,P,F) of the images `rows`."""
        return Signals(np.ascontiguousarray(self._values[rows]), self.grid)

    def batches(self, rows: NDArray[np.intp], size: int = 32) -> Iterator[F32]:
        """Signals (n,P,F) of the images `rows`, `size` at a time."""
        for n in range(0, len(rows), size):
            yield np.ascontiguousarray(self._values[rows[n : n + size]])

    def positions(self, first: int, last: int, rows: NDArray[np.intp]) -> F32:
        """(p,N,F): positions first up to last of the images `rows`."""
        block = self._values[:, first:last][rows]
        return np.ascontiguousarray(block.transpose(1, 0, 2))

    def close(self) -> None:
        if self._folder is not None:
            del self._values
            self._folder.cleanup()
            self._folder = None

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
