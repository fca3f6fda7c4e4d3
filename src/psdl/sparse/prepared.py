"""A dictionary made ready for many calls: transposed and padded, with its Gram matrices or without."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from psdl.sparse.arrays import Array, aligned, canonical, exponent, scaled, transposed
from psdl.sparse.threads import split

ROWS = 64  # rows of a Gram matrix that a thread takes at once
NEAR = 10  # dictionaries whose values exceed 2^10 or stay below 2^-10 are scaled by a power of two


class Prepared(NamedTuple):
    """What pursuits read of dictionaries, all times 2^-power; W is K padded to whole vectors.

    atoms (P,K,F) and transposed (P,F,W), float16 if stored so; gram (P,K,W), None if left out; dtype of signals
    and coefficients; single: one dictionary without the axis of positions.
    """

    atoms: Array
    transposed: Array
    gram: Array | None
    dtype: np.dtype[Any]
    power: int
    single: bool

    @property
    def shape(self) -> tuple[int, int, int]:
        """(P,K,F)."""
        positions, atoms, length = self.atoms.shape
        return positions, atoms, length

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return sum(array.nbytes for array in (self.atoms, self.transposed, self.gram) if array is not None)


def bits(array: Array) -> Array:
    """float16 numbers as uint16, since kernels know no others of two bytes; other arrays as they are."""
    return array.view(np.uint16) if array.dtype == np.float16 else array


def as_given(dictionary: ArrayLike) -> Prepared:
    """A dictionary (K,F) or (P,K,F) that is only to be multiplied with codes: nothing is made ready."""
    atoms, _ = canonical(dictionary, "dictionary")
    single = atoms.ndim == 2
    atoms = atoms[None] if single else atoms
    return Prepared(atoms, atoms, None, atoms.dtype, 0, single)


def prepare(
    dictionary: ArrayLike, *, gram: bool = True, half: bool = False, threads: int | None = None
) -> Prepared:
    """A dictionary (K,F) or (P,K,F) made ready for many calls of a pursuit.

    gram: keep the Gram matrices, P K^2 numbers that cost P K^2 F multiplications. They pay where a dictionary
    codes many signals; for fewer than about K / T signals a call (one image with a dictionary for each position),
    leave them out: `omp` then reads the dictionary T times instead. half: keep the dictionary as float16, without
    Gram matrices: half the memory to hold and to read, at 11 bits a number. Raises SparseError on a wrong shape or
    a value that is not finite.
    """
    array = np.asarray(dictionary)
    wide, largest = canonical(array if array.dtype == np.float64 and not half else _single(array), "dictionary")
    single = wide.ndim == 2
    wide = wide[None] if single else wide
    power = exponent(largest, NEAR)
    wide = scaled(wide, -power)
    atoms = wide.astype(np.float16) if half else wide
    columns = transposed(atoms)
    products = _gram(atoms, columns, threads) if gram and not half else None
    return Prepared(atoms, columns, products, wide.dtype, power, single)


def _single(array: Array) -> Array:
    return array.astype(np.float32, copy=False)


def _gram(atoms: Array, columns: Array, threads: int | None) -> NDArray[Any]:
    """Gram matrices (P,K,W). Not by BLAS: its threads go on spinning after a call and slow the next ones."""
    from psdl.sparse.pursuits.omp_cpu import gram_rows

    positions, count, _ = atoms.shape
    gram = aligned((positions, count, columns.shape[2]), atoms.dtype)
    blocks = -(-count // ROWS)

    def work(first: int, last: int) -> None:
        for item in range(first, last):
            p, start = item // blocks, item % blocks * ROWS
            gram_rows(atoms[p], columns[p], gram[p], start, min(start + ROWS, count))

    split(work, positions * blocks, threads)
    return gram
