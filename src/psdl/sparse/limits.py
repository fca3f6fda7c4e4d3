"""The limits of a pursuit for each signal: the number of atoms, and the energy of the residual at which it
stops."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arrays import Signals, real, whole_number
from .errors import SparseError
from .prepared import Prepared
from .pursuits.omp import NEVER

STEPS = 100_000  # of matching pursuit with a tolerance alone


class Limits(NamedTuple):
    """The limits of a pursuit. `sparsity` is the number T of places of a code. `atoms` (P,N) is how many atoms
    each signal may take (steps, for matching pursuit). `enough` (P,N) float64 is the energy of the residual at
    which coding stops; NEVER if there is none."""

    sparsity: int
    atoms: NDArray[np.int64]
    enough: NDArray[np.float64]


def limits_of(
    name: str, sparsity: ArrayLike | None, tolerance: ArrayLike | None, given: Signals, D: Prepared
) -> Limits:
    """Returns the limits that a pursuit's arguments mean. `name` is the name of the pursuit, and `given` and `D`
    are its signals and dictionary. Raises SparseError if sparsity and tolerance are both missing, or out of
    range."""
    if sparsity is None and tolerance is None:
        raise SparseError("a pursuit needs sparsity, the number of atoms, or tolerance, the energy it may leave")
    count = given.values.shape[0] * given.values.shape[1]
    shape = (1, count) if D.single else given.values.shape[:2]
    most = D.shape[1] if name == "mp" and D.shape[2] else min(D.shape[1:])
    atoms, top = _atoms(sparsity, STEPS if name == "mp" else most, given.leading, shape)
    return Limits(min(most, top), atoms, _enough(tolerance, given, shape))


def _atoms(
    sparsity: ArrayLike | None, most: int, leading: tuple[int, ...], shape: tuple[int, ...]
) -> tuple[NDArray[np.int64], int]:
    """Returns how many atoms each signal may take, and the largest of these numbers."""
    what = "sparsity, the number of atoms a signal,"
    if sparsity is None:
        return np.full(shape, most, np.int64), most
    if np.ndim(sparsity) == 0:
        top = min(whole_number(sparsity[()] if isinstance(sparsity, np.ndarray) else sparsity, what), 2**62)
        return np.full(shape, top, np.int64), top
    each = np.asarray(sparsity)
    if each.dtype.kind not in "iu" or (each.size and each.min() < 1):
        raise SparseError(f"{what} must be whole numbers of at least 1")
    return _for_each(each, leading, shape, "sparsity").astype(np.int64), int(each.max(initial=0))


def _enough(tolerance: ArrayLike | None, given: Signals, shape: tuple[int, ...]) -> NDArray[np.float64]:
    if tolerance is None:
        return np.full(shape, NEVER)
    if np.ndim(tolerance) == 0 and isinstance(tolerance, (int, float)):
        each = np.full(shape, float(tolerance))
    else:
        each = _for_each(real(tolerance, "tolerance"), given.leading, shape, "tolerance").astype(np.float64)
    if each.size and not each.min() >= 0:
        raise SparseError(f"tolerance, the energy that may be left, must be at least 0, not {each.min()}")
    if given.powers is not None:
        each = np.ldexp(each, -2 * given.powers.reshape(shape))
    return each


def _for_each(
    each: NDArray[np.generic], leading: tuple[int, ...], shape: tuple[int, ...], what: str
) -> NDArray[np.generic]:
    """Returns `each`, one number or one for each signal, in the shape (P,N)."""
    try:
        return np.broadcast_to(each, leading).reshape(shape)
    except ValueError:
        raise SparseError(
            f"{what} of shape {each.shape} does not fit signals of shape {leading}: expected one number, or one"
            " for each signal"
        ) from None
