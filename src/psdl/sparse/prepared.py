"""Dictionaries prepared for many calls: transposed and padded, with or without their Gram matrices."""

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
    """A dictionary (K,F), or one for each of P positions, as pursuits read it. All values are divided by 2^power.

    - `atoms` (P,K,F) and `transposed` (P,F,W), where W is K padded to whole vectors; they may be stored as
      float16.
    - `squares` (P,K) are the squared norms of the atoms.
    - `gram` (P,K,W) are the Gram matrices; None if they were left out.
    - `lazy` says whether pursuits compute rows of the Gram matrices as they need them.
    - `dtype` is that of signals and coefficients.
    - `single` says that it was given as one dictionary, without the axis of positions.
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
        """The shape (P,K,F) of the dictionaries."""
        positions, atoms, length = self.atoms.shape
        return positions, atoms, length

    @property
    def nbytes(self) -> int:
        """The memory held, in bytes."""
        kept = (self.atoms, self.transposed, self.gram)
        return sum(array.nbytes for array in kept if array is not None)


def bits(array: Array) -> Array:
    """Returns float16 arrays as uint16, since numba's kernels do not know float16; other arrays as they are."""
    return array.view(np.uint16) if array.dtype == np.float16 else array


def as_given(dictionary: ArrayLike, dtype: DTypeLike) -> Prepared:
    """Returns a dictionary (K,F) or (P,K,F) that is only multiplied with codes, so that nothing is computed in
    advance."""
    atoms, power, single = _read(dictionary, dtype)
    return Prepared(atoms, atoms, atoms, None, False, atoms.dtype, power, single)


def prepare(
    dictionary: ArrayLike, *, gram: bool = True, half: bool = False, threads: int | None = None
) -> Prepared:
    """Returns a dictionary (K,F) or (P,K,F) prepared for many calls of a pursuit.

    With `gram` the Gram matrices are kept: P K^2 numbers that cost P K^2 F multiplications. They pay off if a
    dictionary codes many signals. For fewer than about K / T signals per call, such as one image with a dictionary
    for each position, leave them out; `omp` then reads the dictionary T times instead, and the other pursuits but
    `weighted_omp` cannot use it. With `half` the dictionary is kept as float16, without Gram matrices: half the
    memory, at a precision of 11 bits. Raises SparseError on a wrong shape and on values that are not finite.
    """
    array, _ = canonical(dictionary, "dictionary")
    wide, power, single = _read(array, np.float32 if half else array.dtype)
    atoms = wide.astype(np.float16) if half else wide
    columns = transposed(atoms)
    squares = _squares(atoms, columns)
    products = _gram(atoms, columns, threads) if gram and not half else None
    return Prepared(atoms, columns, squares, products, False, wide.dtype, power, single)


def prepare_lazily(dictionary: ArrayLike, dtype: DTypeLike) -> Prepared:
    """Returns a dictionary (K,F) or (P,K,F) prepared for one call in `dtype`. Pursuits compute the rows of its
    Gram matrices that they need."""
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
    """Returns the same dictionary with whole Gram matrices."""
    products = _gram(prepared.atoms, prepared.transposed, threads)
    return prepared._replace(gram=products, lazy=False)


def widened(prepared: Prepared, p: int) -> Prepared:
    """Returns the dictionary of position `p` in float64."""
    one = prepare_lazily(prepared.atoms[p].astype(np.float64), np.float64)
    return one._replace(power=one.power + prepared.power)


def _read(dictionary: ArrayLike, dtype: DTypeLike) -> tuple[Array, int, bool]:
    """Returns dictionaries (P,K,F) in `dtype`, divided by 2^power, the power, and whether one was given without
    positions."""
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
    """Raises SparseError if an atom is so much shorter than the longest one that its squared norm underflows."""
    if squares.size and squares.min() < np.finfo(squares.dtype).tiny:
        for p, k in np.argwhere(squares < np.finfo(squares.dtype).tiny):
            if atoms[p, k].any():
                raise SparseError(
                    f"atom {k} of the dictionary is too short beside the longest:"
                    " divide the atoms by their norms (sparse.norms)"
                )


def _gram(atoms: Array, columns: Array, threads: int | None) -> NDArray[Any]:
    """Returns the Gram matrices (P,K,W). They are not computed by BLAS, whose sums depend on the shape and on the
    number of threads: rows must be equal to the bit to those that pursuits compute one by one."""
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
