"""A dictionary made ready for many calls: transposed and padded, with its Gram matrices or without."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from .arrays import Array, aligned, canonical, exponent, padded, scaled, transposed
from .errors import SparseError
from .threads import split

ROWS = 256  # rows of a Gram matrix that a thread takes at once
LARGE = 1 << 22  # bytes from which NumPy asks for memory in large pages, which are a third of the cost to fill
SMALLEST = {kind: float(np.finfo(kind).tiny) for kind in "fd"}  # squared norms of atoms
NEAR = 10  # dictionaries whose values exceed 2^10 or stay below 2^-10 are scaled by a power of two


class Prepared(NamedTuple):
    """What pursuits read of dictionaries, all times 2^-power; W is K padded to whole vectors.

    atoms (P,K,F) and transposed (P,F,W), float16 if stored so; squares (P,K), the atoms' squared norms; gram
    (P,K,W), None if left out; lazy: whether pursuits are to compute rows of Gram matrices as they ask for them;
    dtype of signals and coefficients; single: one dictionary without the axis of positions.
    """

    atoms: Array
    transposed: Array
    squares: Array
    gram: Array | None
    lazy: bool
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
        kept = (self.atoms, self.transposed, self.gram)
        return sum(array.nbytes for array in kept if array is not None)


def bits(array: Array) -> Array:
    """float16 numbers as uint16, since kernels know no others of two bytes; other arrays as they are."""
    return array.view(np.uint16) if array.dtype == np.float16 else array


def as_given(dictionary: ArrayLike, dtype: DTypeLike) -> Prepared:
    """A dictionary (K,F) or (P,K,F) that is only to be multiplied with codes: nothing is made ready."""
    atoms, power, single = _read(dictionary, dtype)
    return Prepared(atoms, atoms, atoms, None, False, atoms.dtype, power, single)


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
    array, _ = canonical(dictionary, "dictionary")
    wide, power, single = _read(array, np.float32 if half else array.dtype)
    atoms = wide.astype(np.float16) if half else wide
    columns = transposed(atoms)
    squares = _squares(atoms, columns)
    products = _gram(atoms, columns, threads) if gram and not half else None
    return Prepared(atoms, columns, squares, products, False, wide.dtype, power, single)


def prepare_lazily(dictionary: ArrayLike, dtype: DTypeLike) -> Prepared:
    """A dictionary (K,F) or (P,K,F) made ready for one call, in a dtype: pursuits compute what they need of its
    Gram matrices."""
    atoms, power, single = _read(dictionary, dtype)
    from .pursuits.gram_cpu import prepare_all, prepare_into

    width = padded(atoms.shape[1], atoms.dtype)
    if atoms.nbytes < LARGE:
        columns, squares, least = prepare_all(atoms, width)
    else:
        columns = aligned((atoms.shape[0], atoms.shape[2], width), atoms.dtype)
        squares, least = prepare_into(atoms, columns)
    if least < SMALLEST[atoms.dtype.char]:
        _refuse_vanished(atoms, squares)
    return Prepared(atoms, columns, squares, None, True, atoms.dtype, power, single)


def with_gram(prepared: Prepared, threads: int | None) -> Prepared:
    """The same with whole Gram matrices."""
    products = _gram(prepared.atoms, prepared.transposed, threads)
    return prepared._replace(gram=products, lazy=False)


def widened(prepared: Prepared, p: int) -> Prepared:
    """The dictionary of position p in float64."""
    one = prepare_lazily(prepared.atoms[p].astype(np.float64), np.float64)
    return one._replace(power=one.power + prepared.power)


def _read(dictionary: ArrayLike, dtype: DTypeLike) -> tuple[Array, int, bool]:
    """Dictionaries (P,K,F) of a dtype times 2^-power, the power, and whether one came without positions."""
    array, largest = canonical(dictionary, "dictionary")
    power = exponent(largest, NEAR)
    atoms = scaled(array, -power).astype(dtype, copy=False)
    return (atoms[None], power, True) if atoms.ndim == 2 else (atoms, power, False)


def _squares(atoms: Array, columns: Array) -> Array:
    from .pursuits.gram_cpu import squared_norms

    squares = np.empty(atoms.shape[:2], np.promote_types(atoms.dtype, np.float32))
    for p in range(len(atoms)):
        squared_norms(columns[p].astype(squares.dtype, copy=False), squares[p])
    _refuse_vanished(atoms, squares)
    return squares


def _refuse_vanished(atoms: Array, squares: Array) -> None:
    """Refuses atoms that are so much shorter than others that their squared norms are lost in their dtype."""
    if squares.size and squares.min() < np.finfo(squares.dtype).tiny:
        for p, k in np.argwhere(squares < np.finfo(squares.dtype).tiny):
            if atoms[p, k].any():
                raise SparseError(
                    f"atom {k} of the dictionary is too short beside the longest:"
                    " divide the atoms by their norms (sparse.norms)"
                )


def _gram(atoms: Array, columns: Array, threads: int | None) -> NDArray[Any]:
    """Gram matrices (P,K,W). Not by BLAS, whose sums depend on the shape and the threads; the rows here are those
    that pursuits compute alone."""
    from .pursuits.gram_cpu import gram_rows

    positions, count, _ = atoms.shape
    gram = aligned((positions, count, columns.shape[2]), atoms.dtype)
    blocks = -(-count // ROWS)

    def work(first: int, last: int) -> None:
        for item in range(first, last):
            p, start = item // blocks, item % blocks * ROWS
            gram_rows(atoms[p], columns[p], gram[p], start, min(start + ROWS, count))

    split(work, positions * blocks, threads)
    return gram
