"""One canonical dtype and layout before any kernel, and the sentences about arrays that cannot have it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from psdl.sparse.errors import SparseError

Array = NDArray[Any]
LINE = 64  # bytes of a cache line, and of the widest vector register
GROUPED = 24 * 1024  # bytes of rows up to which signals take their steps together


class Scratch(NamedTuple):
    """What a pursuit writes while it works on the g signals of a group, for one thread; W = padded(K) elements a
    row.

    a (4,W): correlations of four signals; mask (g,W): integers, see `step_simd.largest`; rows (g,T,W):
    correlations of all atoms with the orthonormal directions found; h (g,T,T): coordinates of the chosen atoms in
    them; c (g,T): the signals'; left (g,W): what is left of the atoms' squared norms outside of them, and floor
    (W,): what counts as nothing left.
    """

    a: Array
    mask: Array
    rows: Array
    h: Array
    c: Array
    left: Array
    floor: Array


def aligned(shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """An uninitialised C-contiguous array that starts at a cache line."""
    dtype = np.dtype(dtype)
    size = int(np.prod(shape)) * dtype.itemsize
    raw = np.empty(size + LINE, np.uint8)
    start = -raw.ctypes.data % LINE
    return raw[start : start + size].view(dtype).reshape(shape)


def padded(count: int, dtype: DTypeLike) -> int:
    """The next number of elements that fills whole vectors."""
    lanes = LINE // np.dtype(dtype).itemsize
    return -(-count // lanes) * lanes


def whole(dtype: DTypeLike) -> np.dtype[Any]:
    """The integers of a float dtype's size: its bits."""
    return np.dtype(f"i{np.dtype(dtype).itemsize}")


def transposed(rows: Array) -> Array:
    """(..., F,W) of rows (..., K,F): transposed and padded with zeros, as kernels read dictionaries."""
    *leading, count, length = rows.shape
    wide = np.promote_types(rows.dtype, np.float32)  # float16 rows are padded as the float32 they are read as
    out = aligned((*leading, length, padded(count, wide)), rows.dtype)
    out[..., count:] = 0
    out[..., :count] = np.swapaxes(rows, -1, -2)
    return out


def scratch(atoms: int, sparsity: int, dtype: DTypeLike) -> Scratch:
    """Scratch of one thread for dictionaries of K = `atoms` rows.

    The group is 4 or 2 signals where their rows fit into half of a first-level cache together, else one.
    """
    width = padded(atoms, dtype)
    bytes_each = sparsity * width * np.dtype(dtype).itemsize
    group = next((g for g in (4, 2) if g * bytes_each <= GROUPED), 1)
    return Scratch(
        aligned((4, width), dtype),
        aligned((group, width), whole(dtype)),
        aligned((group, sparsity, width), dtype),
        aligned((group, sparsity, sparsity), dtype),
        aligned((group, sparsity), dtype),
        aligned((group, width), dtype),
        aligned((width,), dtype),
    )


def canonical(values: ArrayLike, what: str) -> tuple[Array, float]:
    """A C-contiguous, finite array, float32 or float64 (other types become float32), and its largest absolute
    value.

    Kernels are compiled for one flavour of arrays; one that is read-only, strided or of another type is copied.
    """
    array = np.asarray(values)
    dtype = array.dtype if array.dtype in (np.float32, np.float64) else np.dtype(np.float32)
    array = np.asarray(np.require(array, dtype, ["C", "ALIGNED", "WRITEABLE"]))
    if array.ndim not in (2, 3):
        raise SparseError(f"{what} must have 2 axes, or 3 with positions first, not shape {array.shape}")
    largest = _magnitude(array)
    if not np.isfinite(largest):
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise SparseError(f"{what} must be finite, but index {where} is {array[where]}")
    return array, largest


def _magnitude(array: Array) -> float:
    """The largest absolute value; infinity or NaN if there is one."""
    from psdl.sparse.checks_cpu import largest_bits

    bits = array.reshape(-1).view(whole(array.dtype))
    return float(np.array(largest_bits(bits), bits.dtype).view(array.dtype)[()])


def fit_together(Y: Array, D: tuple[int, ...], single: bool, dictionary_single: bool) -> None:
    """Refuses signals (P,N,F) that do not fit a dictionary of shape D = (P,K,F); `single` of each tells whether it
    came without the axis of positions."""
    if single != dictionary_single or len(Y) != D[0] or Y.shape[2] != D[2]:
        raise SparseError(
            f"signals of shape {Y.shape[single:]} do not fit a dictionary of shape {D[dictionary_single:]}:"
            " expected (N,F) with (K,F), or (P,N,F) with (P,K,F)"
        )


def codes_fit(support: Array, atoms: int) -> None:
    """Refuses codes that name an atom which a dictionary of K = `atoms` does not have."""
    if support.size and support.max() >= atoms:
        raise SparseError(
            f"the codes use atom {support.max()}, but the dictionary has {atoms}: give its own codes"
        )


def capped(sparsity: int, D: tuple[int, ...]) -> int:
    """T, at most min(K,F) of D = (P,K,F)."""
    if sparsity < 1:
        raise SparseError(f"sparsity, the number of atoms a signal, must be at least 1, not {sparsity}")
    return min(int(sparsity), D[1], D[2])


def reach(dtype: DTypeLike) -> int:
    """The power of two up to which numbers may be squared, multiplied and summed in their dtype."""
    return 40 if np.dtype(dtype) == np.float32 else 300


def exponent(largest: float, near: int) -> int:
    """The power of two that brings `largest` near 1; 0 if it lies between 2^-near and 2^near, or is 0."""
    return 0 if largest == 0 or 2.0**-near <= largest <= 2.0**near else int(np.frexp(largest)[1])


def scaled(array: Array, power: int) -> Array:
    """array times 2^power, exactly; the array itself if power is 0."""
    return np.ldexp(array, power) if power else array
