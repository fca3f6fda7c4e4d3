"""Stores the signals of a set of images: written by image, read by image or by position, in memory or in a
file."""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from psdl.types import F32, Grid, Signals

__all__ = ["Store", "size"]

NAME = "signals.f32"
ROWS = 512  # images read at a time
AROUND = 2 << 20  # bytes that the system may map about each byte that is read (Linux 6: a large folio)
RESIDENT = 64 << 20  # bytes of a mapped file that are read or written before its pages are released


def size(images: int, positions: int, length: int) -> int:
    """Returns the number of bytes that the float32 signals of a set take."""
    return 4 * images * positions * length


class Store:
    """Signals (N,P,F) float32 of N images on one grid, in memory or in a memory-mapped file.

    `images` is N and `length` is F. With `in_memory` False the signals are in the file `file`, which keeps its
    content and outlives the store; None makes a temporary file. Only a small part of a mapped file is held in
    memory at a time. Close the store, or use it in a `with` statement, to release the file and to remove a
    temporary one.
    """

    def __init__(
        self, images: int, grid: Grid, length: int, *, in_memory: bool = True, file: Path | None = None
    ) -> None:
        self.grid = grid
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._file: Path | None = None
        self._map: mmap.mmap | None = None
        self._touched = 0
        shape = (images, grid.positions, length)
        if in_memory:
            self._values = np.empty(shape, np.float32)
        else:
            if file is None:
                self._folder = tempfile.TemporaryDirectory(prefix="psdl-")
                file = Path(self._folder.name) / NAME
            self._file = file
            with file.open("r+b" if file.is_file() else "w+b") as opened:
                opened.truncate(size(*shape))
                self._map = mmap.mmap(opened.fileno(), size(*shape))
            self._values = np.frombuffer(self._map, np.float32).reshape(shape)

    @property
    def count(self) -> int:
        """N, the number of images."""
        return int(self._values.shape[0])

    @property
    def length(self) -> int:
        """F, the length of a signal."""
        return int(self._values.shape[2])

    def write(self, image: int, signals: Signals) -> None:
        """Writes the signals (1,P,F) of the image with the index `image`."""
        self._values[image] = signals.values[0]
        self._let_go(signals.values.nbytes)

    def images(self, rows: NDArray[np.intp]) -> Signals:
        """Returns a copy of the signals (n,P,F) of the images with the indices `rows` (n,)."""
        return Signals(self._read(self._values[rows]), self.grid)

    def batches(self, rows: NDArray[np.intp], size: int = 32) -> Iterator[F32]:
        """Yields copies of the signals (n,P,F) of the images `rows`, `size` images at a time."""
        for n in range(0, len(rows), size):
            yield self._read(self._values[rows[n : n + size]])

    def positions(self, first: int, last: int, rows: NDArray[np.intp]) -> F32:
        """Returns the signals (p,n,F) at the positions from `first` up to, but without, `last` of the images
        `rows` (n,)."""
        out = np.empty((last - first, len(rows), self.length), np.float32)
        whole, asked = (4 * n * self.length for n in (self.grid.positions, last - first))
        mapped = min(whole, max(AROUND, asked))
        step = min(ROWS, max(1, RESIDENT // mapped)) if self._map else ROWS
        for n in range(0, len(rows), step):
            some = rows[n : n + step]
            out[:, n : n + step] = self._values[some, first:last].transpose(1, 0, 2)
            self._let_go(len(some) * mapped)
        return out

    def _read(self, values: F32) -> F32:
        """Returns a contiguous copy of values."""
        copied = np.ascontiguousarray(values)
        self._let_go(copied.nbytes)
        return copied

    def _let_go(self, touched: int) -> None:
        """Counts bytes that were touched, and releases pages of the mapped file when there are many; written data
        stay."""
        self._touched += touched
        if self._map is not None and self._touched > RESIDENT and hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)
            self._touched = 0

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles a mapped file by its path, which another process opens for reading; signals in memory are
        pickled whole."""
        if self._file is None:
            return _in_memory, (self.grid, self._values)
        return _on_disk, (self.grid, self._values.shape, str(self._file))

    def only(self, rows: NDArray[np.intp]) -> Store:
        """Returns a view of this store that has only the images `rows`, numbered anew from 0."""
        return _Some(self, rows)

    def close(self) -> None:
        """Releases the mapped file, and removes it if it is temporary. The store cannot be used afterwards."""
        if self._file is not None and self._map is not None:
            del self._values
            self._map.close()
            self._map = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Some(Store):
    """A view of some images of another store. Closing the view leaves that store open."""

    def __init__(self, whole: Store, chosen: NDArray[np.intp]) -> None:
        self.grid, self._whole, self._chosen = whole.grid, whole, chosen

    @property
    def count(self) -> int:
        return len(self._chosen)

    @property
    def length(self) -> int:
        return self._whole.length

    def images(self, rows: NDArray[np.intp]) -> Signals:
        return self._whole.images(self._chosen[rows])

    def batches(self, rows: NDArray[np.intp], size: int = 32) -> Iterator[F32]:
        return self._whole.batches(self._chosen[rows], size)

    def positions(self, first: int, last: int, rows: NDArray[np.intp]) -> F32:
        return self._whole.positions(first, last, self._chosen[rows])

    def __reduce__(self) -> tuple[Any, ...]:
        return _Some, (self._whole, self._chosen)

    def close(self) -> None:
        pass


def _in_memory(grid: Grid, values: F32) -> Store:
    found = Store(0, grid, values.shape[2])
    found._values = values
    return found


def _on_disk(grid: Grid, shape: tuple[int, int, int], path: str) -> Store:
    """Opens the file of another process's store for reading; that process removes it."""
    found = Store(0, grid, shape[2])
    with open(path, "rb") as file:
        found._map = mmap.mmap(file.fileno(), size(*shape), access=mmap.ACCESS_READ)
    found._values = np.frombuffer(found._map, np.float32).reshape(shape)
    return found
