"""Checks arrays and brings them to one dtype and layout for the kernels; values far from 1 are scaled by powers of
two."""

from __future__ import annotations

import math
from functools import lru_cache
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from .errors import SparseError

Array = NDArray[Any]
INTS: dict[str, np.dtype[Any]] = {"f": np.dtype(np.int32), "d": np.dtype(np.int64)}  # of the floats' size
LINE = 64  # bytes of a cache line, and of the widest vector register


class Signals(NamedTuple):
    """Signals as kernels read them. Rows of values far from 1 are divided by a power of two of their own.

    `values` is (P,N,F). `powers` (P,N) are the exponents of the divisors; None if nothing was divided. `dtype` is
    that of the results. `leading` is the shape of the results' first axes: (), (N,) or (P,N).
    """

    values: Array
    powers: NDArray[np.int32] | None
    dtype: np.dtype[Any]
    leading: tuple[int, ...]


def aligned(shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """Returns an uninitialised C-contiguous array that starts at a cache line."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    raw = np.empty(size + LINE, np.uint8)
    start = -raw.ctypes.data % LINE
    return raw[start : start + size].view(dtype).reshape(shape)


def padded(count: int, dtype: DTypeLike) -> int:
    """Returns the smallest number of elements, at least `count`, that fills whole vectors of 64 bytes."""
    lanes = LINE // np.dtype(dtype).itemsize
    return -(-count // lanes) * lanes


def whole(dtype: DTypeLike) -> np.dtype[Any]:
    """Returns the integer dtype of the same size as a float dtype."""
    return np.dtype(f"i{np.dtype(dtype).itemsize}")


def transposed(rows: Array) -> Array:
    """Returns rows (..., K,F) transposed and padded with zeros, (..., F,W), as kernels read dictionaries."""
    from .pursuits.gram_cpu import transpose_all, transpose_bits

    *leading, count, length = rows.shape
    wide = np.promote_types(rows.dtype, np.float32)  # float16 rows are padded as the float32 they are read as
    out = aligned((*leading, length, padded(count, wide)), rows.dtype)
    flat = np.ascontiguousarray(rows).reshape(math.prod(leading), count, length)
    turned = out.reshape(len(flat), *out.shape[-2:])
    if rows.dtype == np.float16:
        transpose_bits(flat.view(np.uint16), turned.view(np.uint16))
    else:
        transpose_all(flat, turned)
    return out


def real(values: ArrayLike, what: str) -> Array:
    """Returns values as a C-contiguous, aligned, writeable array of native float32 or float64.

    float16, bool and integers of up to 16 bits become float32, which holds them exactly; wider integers and long
    doubles become float64. `what` names the values in messages. Raises SparseError on anything but real numbers:
    complex numbers, text, dates, objects and masked arrays.
    """
    if isinstance(values, np.ma.MaskedArray):
        raise SparseError(
            f"{what} must not be a masked array, whose mask would be lost:"
            " fill it, or code what is known with sparse.weighted_omp"
        )
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise SparseError(f"{what} must be an array of numbers ({error}): give rows of one length") from None
    if array.dtype.char in "fd" and array.flags.carray and array.dtype.isnative:
        return array
    if array.dtype.kind not in "biuf":
        kind = "complex numbers" if array.dtype.kind == "c" else f"dtype {array.dtype}"
        raise SparseError(f"{what} must be real numbers, not {kind}: convert to float32 or float64")
    wide = min(np.promote_types(array.dtype, np.float32), np.dtype(np.float64))
    return np.asarray(np.require(array, wide.newbyteorder("="), ["C", "ALIGNED", "WRITEABLE"]))


def largest(array: Array) -> float:
    """Returns the largest absolute value of an array; infinity or NaN if it has one, and 0 if it is empty."""
    from .checks_cpu import largest_value

    flat = array.reshape(-1)
    return float(largest_value(flat.view(INTS[array.dtype.char]), flat[:0]))


def canonical(values: ArrayLike, what: str, axes: tuple[int, ...] = (2, 3)) -> tuple[Array, float]:
    """Returns `real` values and their largest absolute value. Raises SparseError also if they are not finite or if
    the number of axes is not in `axes`."""
    array = real(values, what)
    if array.ndim not in axes:
        raise SparseError(f"{what} must have {_counted(axes)}, not shape {array.shape}")
    top = largest(array)
    if not np.isfinite(top):
        raise _not_finite(array, what)
    return array, top


def _counted(axes: tuple[int, ...]) -> str:
    return (
        "2 axes"
        if axes == (2,)
        else f"{axes[0]} axes, or 3 with positions first"
        if len(axes) == 2
        else ("1 to 3 axes, (F,), (N,F) or (P,N,F)")
    )


def _not_finite(array: Array, what: str) -> SparseError:
    where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
    return SparseError(f"{what} must be finite, but index {where} is {array[where]}")


def read_signals(signals: ArrayLike, dtype: DTypeLike | None = None) -> Signals:
    """Returns signals (F,), (N,F) or (P,N,F) for kernels of a dtype; None: their own.

    A row whose largest value lies outside 2^-reach to 2^reach of the dtype is scaled by its own power of two
    before anything is rounded. So its code does not depend on the other rows.
    """
    from .checks_cpu import row_bits

    array = real(signals, "signals")
    if array.ndim not in (1, 2, 3):
        raise SparseError(f"signals must have {_counted((1, 2, 3))}, not shape {array.shape}")
    leading = array.shape[:-1]
    values = array if array.ndim == 3 else array.reshape(1, math.prod(leading), array.shape[-1])
    used = array.dtype if dtype is None else np.dtype(dtype)
    ints, lowest, highest = _ends(array.dtype, used)
    bits = np.empty(values.shape[:2], ints)
    low, high = row_bits(values.view(ints), bits)
    if lowest <= low and high <= highest:
        return Signals(values if used == array.dtype else values.astype(used), None, array.dtype, leading)
    near = reach(used)
    rows = bits.view(array.dtype)
    if not np.isfinite(rows).all():
        raise _not_finite(array, "signals")
    far = (rows > 0) & ((rows < 2.0**-near) | (rows > 2.0**near))
    powers = np.where(far, np.frexp(rows)[1], 0).astype(np.int32)
    return Signals(np.ldexp(values, -powers[..., None]).astype(used), powers, array.dtype, leading)


@lru_cache(maxsize=8)
def _ends(dtype: np.dtype[Any], used: np.dtype[Any]) -> tuple[np.dtype[Any], int, int]:
    """Returns the integer dtype of the same size, and the bits of 2^-reach and 2^reach of the dtype used for
    computing."""
    ends = np.array([2.0 ** -reach(used), 2.0 ** reach(used)], dtype).view(whole(dtype))
    return ends.dtype, int(ends[0]), int(ends[1])


def unscaled(values: Array, powers: NDArray[np.int32] | int | None, dtype: DTypeLike, what: str) -> Array:
    """Returns values (P,N,...) times 2^powers (P,N), rounded to a dtype. Raises SparseError if they overflow."""
    out: Array = values.astype(dtype, copy=False)
    if powers is None or (isinstance(powers, int) and not powers):
        return np.asarray(out)
    each = np.reshape(powers, np.shape(powers) + (1,) * (values.ndim - np.ndim(powers)))
    with np.errstate(over="ignore"):
        out = np.ldexp(out, each)
    if not np.isfinite(out).all():
        raise SparseError(f"{what} exceed what {np.dtype(dtype)} holds: give the signals as float64")
    return np.asarray(out)


def whole_number(value: Any, what: str, least: int = 1) -> int:
    """Returns value as int. Raises SparseError unless it is a whole number, not a bool, of at least `least`."""
    if not isinstance(value, Integral) or isinstance(value, (bool, np.bool_)):
        raise SparseError(f"{what} must be a whole number, not {value!r}")
    if value < least:
        raise SparseError(f"{what} must be at least {least}, not {value}")
    return int(value)


def reach(dtype: DTypeLike) -> int:
    """Returns the exponent of two up to which numbers can be squared, multiplied and summed in their dtype."""
    return 40 if np.dtype(dtype) == np.float32 else 300


def exponent(largest: float, near: int) -> int:
    """Returns the exponent of two by which `largest` must be divided to be near 1; 0 if it lies between 2^-near
    and 2^near, or is 0."""
    return 0 if largest == 0 or 2.0**-near <= largest <= 2.0**near else int(np.frexp(largest)[1])


def scaled(array: Array, power: int) -> Array:
    """Returns array times 2^power, exactly; the array itself if power is 0."""
    return np.ldexp(array, power) if power else array
