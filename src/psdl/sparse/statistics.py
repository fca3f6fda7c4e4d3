"""Statistics of dictionaries and of how codes use them, as numbers and as a picture."""

from __future__ import annotations

import math
from os import PathLike
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arrays import canonical, whole_number
from .codes import Codes, checked
from .errors import SparseError
from .initialisers import unit

BINS = 50


class Coherence(NamedTuple):
    """How similar atoms are, by the absolute cosines of the angles between them.

    `mutual` (P,), or a number, is the largest for all pairs of atoms and `mean` their mean. `nearest` (..., K) is
    the largest of each atom with another one. `babel` (..., K-1) is the cumulative coherence: for m = 1, 2, ...
    the largest sum of an atom's m largest cosines (Tropp 2004). OMP finds every code of m atoms if babel[m-2] +
    babel[m-1] < 1.
    """

    mutual: NDArray[Any]
    mean: NDArray[Any]
    nearest: NDArray[Any]
    babel: NDArray[Any]


class Usage(NamedTuple):
    """How codes use the atoms. `users` (..., K) is the number of signals that use an atom, `energy` (..., K) the
    sum of its squared coefficients, and `unused` the number of atoms without users."""

    users: NDArray[np.int64]
    energy: NDArray[Any]
    unused: NDArray[np.int64]


def coherence(dictionary: ArrayLike) -> Coherence:
    """Returns the coherence of a dictionary (K,F) or (P,K,F). Zero atoms count as orthogonal to all. Raises
    SparseError if there are fewer than two atoms."""
    D, _ = canonical(dictionary, "dictionary")
    if D.shape[-2] < 2:
        raise SparseError("coherence is between atoms, but the dictionary has one: give at least two")
    units = unit(D)
    cosines = np.abs(units @ np.swapaxes(units, -1, -2))
    atoms = np.arange(D.shape[-2])
    cosines[..., atoms, atoms] = -1
    cosines = np.sort(cosines, axis=-1)[..., :0:-1]
    nearest = cosines[..., 0]
    return Coherence(
        nearest.max(axis=-1), cosines.mean(axis=(-1, -2)), nearest, np.cumsum(cosines, axis=-1).max(axis=-2)
    )


def usage(codes: Codes, atoms: int) -> Usage:
    """Returns how codes (N,T) or (P,N,T) use a dictionary of `atoms` = K atoms. Raises SparseError if they use
    others."""
    support, coefficients = checked(codes, None, whole_number(atoms, "atoms"))
    flat = support if support.ndim == 3 else np.atleast_2d(support)[None]
    squares = np.square(coefficients, dtype=np.float64).reshape(flat.shape)
    users, energy = np.zeros((len(flat), atoms), np.int64), np.zeros((len(flat), atoms))
    for p, (places, square) in enumerate(zip(flat, squares, strict=True)):
        used = places >= 0
        users[p] = np.bincount(places[used], minlength=atoms)
        energy[p] = np.bincount(places[used], square[used], minlength=atoms)
    shape = (*support.shape[:-2], atoms)
    return Usage(users.reshape(shape), energy.reshape(shape), (users == 0).sum(axis=1).reshape(shape[:-1]))


def strongest(codes: Codes) -> tuple[NDArray[Any], NDArray[np.int32]]:
    """Returns the L1 norms (..., N) of codes (..., N,T), and for each the atom (..., N) int32 with the largest
    absolute coefficient, the first of equals; -1 if a code is empty."""
    size = np.abs(np.asarray(codes.coefficients))
    if size.shape[-1] == 0:
        return np.zeros(size.shape[:-1], size.dtype), np.full(size.shape[:-1], -1, np.int32)
    first = size.argmax(axis=-1)[..., None]
    return size.sum(axis=-1), np.take_along_axis(np.asarray(codes.support), first, axis=-1)[..., 0]


def picture(dictionary: ArrayLike, path: str | PathLike[str], codes: Codes | None = None) -> None:
    """Draws a dictionary (K,F) to the image file `path`: its atoms (if F is a square), its coherence and, with
    codes (N,T), the usage of its atoms. Raises SparseError if matplotlib is not installed or `dictionary` has
    positions."""
    D, _ = canonical(dictionary, "dictionary")
    if D.ndim != 2:
        raise SparseError(f"a picture shows one dictionary (K,F), not {D.shape}: choose a position")
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise SparseError("a picture needs matplotlib: pip install matplotlib") from None
    alike, square = coherence(D), math.isqrt(D.shape[1]) ** 2 == D.shape[1]
    panels = square + 1 + (codes is not None)
    figure = Figure(figsize=(4.6 * panels, 4), layout="constrained")
    axes = iter(np.atleast_1d(figure.subplots(1, panels)))
    if square:
        _draw_atoms(next(axes), D)
    _draw_coherence(next(axes), alike)
    if codes is not None:
        _draw_usage(next(axes), usage(codes, len(D)), codes.support.shape[0])
    figure.savefig(path, dpi=120)


def _draw_atoms(axes: Any, D: NDArray[Any]) -> None:
    """Draws the atoms as a mosaic of squares, row by row, each on its own grey scale."""
    side, across = math.isqrt(D.shape[1]), int(np.ceil(np.sqrt(len(D))))
    down = -(-len(D) // across)
    mosaic = np.full((down * (side + 1) + 1, across * (side + 1) + 1), np.nan)
    for k, atom in enumerate(D):
        y, x = (k // across) * (side + 1) + 1, (k % across) * (side + 1) + 1
        mosaic[y : y + side, x : x + side] = atom.reshape(side, side) / max(np.abs(atom).max(), 1e-300)
    axes.imshow(mosaic, cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
    axes.set_axis_off()
    axes.set_title(f"{len(D)} atoms of {side} x {side}")


def _draw_coherence(axes: Any, alike: Coherence) -> None:
    axes.hist(alike.nearest, bins=BINS, range=(0, 1), color="#35618f")
    axes.axvline(alike.mutual, color="#b3392f", label=f"largest {alike.mutual:.2f}")
    axes.set_xlabel("|cosine| of an atom with the one most like it")
    axes.set_ylabel("atoms")
    axes.set_title(f"coherence, mean of all pairs {alike.mean:.3f}")
    axes.legend(frameon=False)


def _draw_usage(axes: Any, used: Usage, signals: int) -> None:
    axes.bar(np.arange(len(used.users)), np.sort(used.users)[::-1] / max(signals, 1), width=1, color="#35618f")
    axes.set_xlabel("atoms, most used first")
    axes.set_ylabel("share of signals that use the atom")
    axes.set_title(f"usage, {int(used.unused)} atoms unused")
