"""Initial dictionaries: analytic (DCT, Haar), random, or chosen from signals (drawn, spread, cover)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arrays import (
    aligned,
    canonical,
    exponent,
    largest,
    reach,
    real,
    scaled,
    transposed,
    whole,
    whole_number,
)
from .errors import SparseError
from .threads import split

F64 = NDArray[np.float64]


def dct(shape: int | tuple[int, ...], atoms: int | None = None) -> F64:
    """Returns the unitary DCT dictionary (F,F), or an over- or undercomplete one (K,F): float64, atoms are rows of
    unit norm, the constant first.

    `shape` is that of a patch, such as (8, 8), (8, 12), (8, 8, 3), or (100,) for a series; F is the number of its
    elements. A number F alone means a square patch if F is a square, else a series. `atoms` is K, any number;
    None: F. Along a side of d elements there are k cosines C[j,i] = cos((i + 1/2) j pi / k), all but the first (j
    = 0) with their mean removed, normalised. With k = d this is the DCT-II, with k > d the overcomplete DCT of
    Elad 2010, section 12.2. The k are in proportion to the sides, as nearly as possible; of the products of
    cosines, the K with the lowest frequencies are taken.
    """
    sides = _sides(shape)
    length = math.prod(sides)
    count = length if atoms is None else whole_number(atoms, "atoms")
    rows = list(sides)
    if count != length:
        share = (count / length) ** (1 / len(sides))
        rows = [max(1, round(side * share)) for side in sides]
        while math.prod(rows) < count:
            least = min(range(len(rows)), key=lambda axis: rows[axis] / sides[axis])
            rows[least] += 1
    basis: F64 = np.ones((1, 1))
    for side, row in zip(sides, rows, strict=True):
        basis = np.asarray(np.kron(basis, _cosines(side, row)))
    pitch = np.sum(np.meshgrid(*[np.arange(row) / row for row in rows], indexing="ij"), axis=0).ravel()
    lowest = np.sort(np.argsort(pitch, kind="stable")[:count])
    return np.asarray(basis[lowest], np.float64)


def _cosines(side: int, rows: int) -> F64:
    """Returns `rows` cosines of `side` samples with unit norm; all but the first have mean zero."""
    j, i = np.mgrid[:rows, :side]
    basis = np.cos((i + 0.5) * j * np.pi / rows)
    basis[1:] -= basis[1:].mean(axis=1, keepdims=True)
    return np.asarray(basis / norms(basis), np.float64)


def _sides(shape: int | tuple[int, ...]) -> tuple[int, ...]:
    if isinstance(shape, (tuple, list)):
        return tuple(whole_number(side, "each side of a patch") for side in shape) or (1,)
    length = whole_number(shape, "the length of signals")
    side = math.isqrt(length)
    return (side, side) if side * side == length else (length,)


def haar(length: int) -> F64:
    """Returns the orthonormal 2-D Haar wavelets (F,F) float64; atoms are rows, the constant first.

    `length` F must be a square whose root is a power of two (1, 4, 16, 64, 256, 1024, ...); raises SparseError
    otherwise. Source: Haar, "Zur Theorie der orthogonalen Funktionensysteme", Math. Annalen 1910.
    """
    side = math.isqrt(whole_number(length, "the length of signals"))
    if side & (side - 1) or side * side != length:
        fits = 4 ** round(math.log2(max(side, 1)))
        raise SparseError(f"Haar wavelets need signals of 4^n numbers, not {length}: use {fits}")
    basis = np.ones((1, 1))
    while len(basis) < side:
        averages = np.kron(basis, [1, 1])
        differences = np.kron(np.eye(len(basis)), [1, -1])
        basis = np.concatenate([averages, differences]) / math.sqrt(2)
    return np.asarray(np.kron(basis, basis), np.float64)


def random(length: int, atoms: int, seed: int = 0) -> F64:
    """Returns `atoms` = K directions drawn uniformly from the sphere: (K,F) float64, F = `length`, atoms are rows
    of unit norm."""
    size = whole_number(atoms, "atoms"), whole_number(length, "the length of signals")
    directions = np.random.default_rng(seed).normal(size=size)
    return np.asarray(directions / norms(directions), np.float64)


def drawn(signals: ArrayLike, atoms: int, seed: int = 0) -> NDArray[Any]:
    """Returns `atoms` = K of the signals, drawn at random without repetition and normalised: (K,F) of (N,F), or
    (P,K,F) of (P,N,F).

    Zero signals are not drawn. Raises SparseError if there are fewer than `atoms` other signals.
    """
    return _from_each(signals, atoms, seed, lambda units, rng: rng.permutation(len(units))[:atoms])


def spread(signals: ArrayLike, atoms: int, seed: int = 0) -> NDArray[Any]:
    """Returns `atoms` = K of the signals, drawn so that they are far apart, and normalised: (K,F) of (N,F), or
    (P,K,F) of (P,N,F).

    A signal is drawn with a probability proportional to the energy of its residual, after normalisation, when the
    best single atom so far codes it: k-means++ for directions. Zero signals are not drawn. Raises SparseError like
    `drawn`. Source: Arthur, Vassilvitskii, "k-means++: the advantages of careful seeding", 2007.
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
    """Returns, for each position, the normalised signals that `choose` selects among those that are not zero."""
    Y, _ = canonical(signals, "signals")
    whole_number(atoms, "atoms")
    found = np.empty((len(Y) if Y.ndim == 3 else 1, atoms, Y.shape[-1]), Y.dtype)
    for p, position in enumerate(Y[None] if Y.ndim == 2 else Y):
        units = position[np.abs(position).max(axis=1, initial=0) > 0]
        if len(units) < atoms:
            where = "" if Y.ndim == 2 else f" at position {p}"
            raise SparseError(f"{atoms} atoms need as many signals that are not zero, not {len(units)}{where}")
        units = unit(units)
        found[p] = units[choose(units, np.random.default_rng([seed, p]))]
    return found[0] if Y.ndim == 2 else found


def norms(signals: ArrayLike) -> NDArray[Any]:
    """Returns the Euclidean norms (..., 1) of rows (..., F). Norms of zero rows are the smallest normal number, so
    that one can divide by them. The dtype is that of the rows if it is float32 or float64. Rows whose squares
    would overflow or underflow are scaled first."""
    known = isinstance(signals, np.ndarray) and signals.dtype in (np.float32, np.float64)
    rows: NDArray[Any] = np.asarray(signals) if known else real(signals, "signals")
    with np.errstate(over="ignore", under="ignore"):
        lengths: NDArray[Any] = np.sqrt(np.square(rows).sum(axis=-1, keepdims=True))
    info = np.finfo(rows.dtype)
    if lengths.size and not (lengths.min() > info.tiny**0.5 / info.eps and lengths.max() < info.max**0.5):
        with np.errstate(over="ignore", under="ignore"):
            top = np.abs(rows).max(axis=-1, keepdims=True, initial=0)
            power = np.where((top > 0) & np.isfinite(top), np.frexp(top)[1], 0)
            near = np.ldexp(rows, -power)
            exact = np.ldexp(np.sqrt(np.square(near).sum(axis=-1, keepdims=True)), power)
        far = ~((lengths > info.tiny**0.5 / info.eps) & (lengths < info.max**0.5))
        lengths = np.where(far, exact, lengths)
    np.maximum(lengths, info.tiny, out=lengths)
    return lengths


def unit(rows: NDArray[Any]) -> NDArray[Any]:
    """Returns rows (..., F) divided by their norms, of any magnitude; zero rows stay zero."""
    top = np.abs(rows).max(axis=-1, keepdims=True, initial=0)
    info = np.finfo(rows.dtype)
    if top.size and (top.max() > info.max**0.25 or top.min() < info.tiny**0.25):
        far = (top > 0) & ((top > info.max**0.25) | (top < info.tiny**0.25))
        rows = np.ldexp(rows, -np.where(far, np.frexp(top)[1], 0))
    return np.asarray(rows / norms(rows), rows.dtype)


def cover(
    signals: ArrayLike, count: int, left: NDArray[Any] | None = None, threads: int | None = None
) -> NDArray[Any]:
    """Returns atoms (count,F) of signals (N,F), or (P,count,F) of (P,N,F): the normalised signals that `covering`
    chooses."""
    Y, _ = canonical(signals, "signals")
    chosen = covering(Y, count, left, threads)
    atoms = np.take_along_axis(Y, chosen[..., None], axis=-2)
    return unit(atoms)


def covering(
    signals: ArrayLike, count: int, left: NDArray[Any] | None = None, threads: int | None = None
) -> NDArray[np.intp]:
    """Returns the indices (count,) of signals (N,F), or (P,count) of (P,N,F), by the farthest-point rule on
    residuals: each is the signal that is coded worst by the best single atom among those chosen before,
    normalised.

    `left` (N,) or (P,N) are the energies of the residuals that an earlier dictionary leaves; None: those of the
    signals. `count` is limited to N; of equal signals the first is taken. Source: Gonzalez, "Clustering to
    minimize the maximum intercluster distance", 1985.
    """
    Y, _ = canonical(signals, "signals")
    single = Y.ndim == 2
    Y = Y[None] if single else Y
    positions, total, _ = Y.shape
    start = None if left is None else np.asarray(left).reshape(positions, total)
    chosen = np.empty((positions, min(whole_number(count, "count"), total)), np.intp)

    def work(first: int, last: int) -> None:
        for p in range(first, last):
            power = exponent(largest(Y[p]), reach(Y.dtype))
            energies = None if start is None else scaled(start[p], -2 * power).astype(Y.dtype, copy=False)
            _choose(scaled(Y[p], -power), energies, chosen[p])

    split(work, positions, threads)
    return chosen[0] if single else chosen


def _choose(Y: NDArray[Any], start: NDArray[Any] | None, chosen: NDArray[np.intp]) -> None:
    from .cover_cpu import cover_block

    lengths, units = norms(Y), unit(Y)
    columns = transposed(units)
    width = columns.shape[1]
    energy, left = aligned((width,), Y.dtype), aligned((2, width), Y.dtype)
    mask = aligned((1, width), whole(Y.dtype))
    energy[len(Y) :], left[:, len(Y) :], mask[:, len(Y) :] = 0, 0, 0
    energy[: len(Y)] = np.square(lengths[:, 0])
    left[0, : len(Y)] = energy[: len(Y)] if start is None else np.maximum(start, 0)
    mask[:, : len(Y)] = np.iinfo(mask.dtype).max
    cover_block(units, columns, energy, left, mask, chosen)
