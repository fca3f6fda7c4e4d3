"""Start dictionaries: from nothing (DCT, Haar, random) or from signals (drawn, spread, cover)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from psdl.sparse.arrays import aligned, canonical, transposed, whole
from psdl.sparse.errors import SparseError
from psdl.sparse.threads import split

F64 = NDArray[np.float64]


def dct(length: int, atoms: int | None = None) -> F64:
    """The unitary 2-D DCT (F,F), or the over- or undercomplete one (K,F): float64, atoms are rows of unit norm.

    length F and atoms K (F if None) must be squares, F = d d and K = k k, or SparseError is raised. The dictionary
    is kron(C, C) with C (k,d), C[j,i] = cos((i + 1/2) j pi / k), less its row's mean but for j = 0, rows
    normalised: with k = d the DCT-II, with k > d the overcomplete DCT of Elad 2010, section 12.2.
    """
    side = _side(length, "signal length")
    rows = _side(length if atoms is None else atoms, "number of atoms")
    j, i = np.mgrid[:rows, :side]
    basis = np.cos((i + 0.5) * j * np.pi / rows)
    basis[1:] -= basis[1:].mean(axis=1, keepdims=True)
    basis /= np.linalg.norm(basis, axis=1, keepdims=True)
    return _on_grid(basis)


def haar(length: int) -> F64:
    """The orthonormal 2-D Haar wavelets (F,F) float64: atoms are rows, the constant first.

    length F must be a square whose root is a power of two (1, 4, 16, 64, 256, 1024, ...); raises SparseError
    otherwise. Haar, "Zur Theorie der orthogonalen Funktionensysteme", Math. Annalen 1910.
    """
    side = _side(length, "signal length")
    if side & (side - 1):
        fits = 4 ** round(math.log2(side))
        raise SparseError(f"a Haar start needs signals of 4^n numbers, not {length}: use {fits}")
    basis = np.ones((1, 1))
    while len(basis) < side:
        averages = np.kron(basis, [1, 1])
        differences = np.kron(np.eye(len(basis)), [1, -1])
        basis = np.concatenate([averages, differences]) / math.sqrt(2)
    return _on_grid(basis)


def _on_grid(basis: F64) -> F64:
    """Atoms of a square grid, products of those along its sides."""
    return np.asarray(np.kron(basis, basis), np.float64)


def _side(count: int, what: str) -> int:
    side = math.isqrt(max(count, 0))
    if count < 1 or side * side != count:
        raise SparseError(f"a DCT or Haar start needs a square {what}, not {count}: use {max(1, side * side)}")
    return side


def random(length: int, atoms: int, seed: int = 0) -> F64:
    """`atoms` directions drawn evenly from the sphere: (K,F) float64, atoms are rows of unit norm."""
    if length < 1 or atoms < 1:
        raise SparseError(f"a dictionary needs at least one atom of length 1, not {atoms} of length {length}")
    directions = np.random.default_rng(seed).normal(size=(atoms, length))
    return np.asarray(directions / norms(directions), np.float64)


def drawn(signals: ArrayLike, atoms: int, seed: int = 0) -> NDArray[Any]:
    """`atoms` of the signals, drawn without repetition and normalised: (K,F) of (N,F), or (P,K,F) of (P,N,F).

    Zero signals are not drawn. Raises SparseError where fewer than `atoms` others are given.
    """
    return _from_each(signals, atoms, seed, lambda units, rng: rng.permutation(len(units))[:atoms])


def spread(signals: ArrayLike, atoms: int, seed: int = 0) -> NDArray[Any]:
    """`atoms` of the signals, far apart by chance: (K,F) of (N,F), or (P,K,F) of (P,N,F), normalised.

    Each is drawn with a probability in proportion to the energy that the best single one before it leaves of the
    normalised signal: k-means++ for directions. Zero signals are not drawn, and raise as in `drawn`. Arthur,
    Vassilvitskii, "k-means++: the advantages of careful seeding", 2007.
    """

    def choose(units: NDArray[Any], rng: np.random.Generator) -> NDArray[np.intp]:
        left = np.ones(len(units))
        chosen: list[int] = []
        for _ in range(atoms):
            left[chosen] = 0
            even = left.sum() <= 1e-9 * len(units)  # only copies of chosen directions are left
            weights = np.isin(np.arange(len(units)), chosen, invert=True).astype(float) if even else left
            chosen.append(int(rng.choice(len(units), p=weights / weights.sum())))
            left = np.minimum(left, np.maximum(0, 1 - np.square(units @ units[chosen[-1]])))
        return np.array(chosen)

    return _from_each(signals, atoms, seed, choose)


def _from_each(
    signals: ArrayLike,
    atoms: int,
    seed: int,
    choose: Callable[[NDArray[Any], np.random.Generator], NDArray[np.intp]],
) -> NDArray[Any]:
    """The normalised signals that `choose` names, of those that are not zero, position by position."""
    Y, _ = canonical(signals, "signals")
    if atoms < 1:
        raise SparseError(f"a dictionary needs at least one atom, not {atoms}")
    found = []
    for p, position in enumerate(Y[None] if Y.ndim == 2 else Y):
        units = position[np.abs(position).max(axis=1) > 0]
        if len(units) < atoms:
            where = "" if Y.ndim == 2 else f" at position {p}"
            raise SparseError(f"{atoms} atoms need as many signals that are not zero, not {len(units)}{where}")
        units = units / norms(units)
        found.append(units[choose(units, np.random.default_rng([seed, p]))])
    return found[0] if Y.ndim == 2 else np.stack(found)


def norms(signals: NDArray[Any]) -> NDArray[Any]:
    """Euclidean norms of rows (..., F) -> (..., 1), never zero."""
    lengths: NDArray[Any] = np.sqrt(np.square(signals).sum(axis=-1, keepdims=True))
    np.maximum(lengths, np.finfo(signals.dtype).tiny, out=lengths)
    return lengths


def cover(
    signals: ArrayLike, count: int, left: NDArray[Any] | None = None, threads: int | None = None
) -> NDArray[Any]:
    """Atoms (count,F) of signals (N,F), or (P,count,F) of (P,N,F): the normalised signals that `covering`
    names."""
    Y, _ = canonical(signals, "signals")
    chosen = covering(Y, count, left, threads)
    atoms = np.take_along_axis(Y, chosen[..., None], axis=-2)
    return np.asarray(atoms / norms(atoms), Y.dtype)


def covering(
    signals: ArrayLike, count: int, left: NDArray[Any] | None = None, threads: int | None = None
) -> NDArray[np.intp]:
    """Places (count,) in signals (N,F), or (P,count) in (P,N,F): in turn the signal that any single one chosen
    before it, normalised, codes worst.

    left (N,) or (P,N): the energies that an earlier dictionary leaves; the signals' own if None. count is capped
    at N; the first of equals is taken. The farthest-point rule, on residuals: Gonzalez, "Clustering to minimize
    the maximum intercluster distance", 1985.
    """
    Y, _ = canonical(signals, "signals")
    single = Y.ndim == 2
    Y = Y[None] if single else Y
    positions, total, _ = Y.shape
    start = None if left is None else np.asarray(left, Y.dtype).reshape(positions, total)
    chosen = np.empty((positions, min(count, total)), np.intp)

    def work(first: int, last: int) -> None:
        for p in range(first, last):
            _choose(Y[p], None if start is None else start[p], chosen[p])

    split(work, positions, threads)
    return chosen[0] if single else chosen


def _choose(Y: NDArray[Any], start: NDArray[Any] | None, chosen: NDArray[np.intp]) -> None:
    from psdl.sparse.cover_cpu import cover_block

    lengths = norms(Y)
    units = Y / lengths
    columns = transposed(units)
    width = columns.shape[1]
    energy, left = aligned((width,), Y.dtype), aligned((2, width), Y.dtype)
    mask = aligned((1, width), whole(Y.dtype))
    energy[len(Y) :], left[:, len(Y) :], mask[:, len(Y) :] = 0, 0, 0
    energy[: len(Y)] = np.square(lengths[:, 0])
    left[0, : len(Y)] = energy[: len(Y)] if start is None else np.maximum(start, 0)
    mask[:, : len(Y)] = np.iinfo(mask.dtype).max
    cover_block(units, columns, energy, left, mask, chosen)
