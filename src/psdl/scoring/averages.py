"""Signals and distances of an image -> the few averages by which known defects are separated from good images.

Three blocks: *top*, over the strangest cells, of the near part's whitened signals less what good images show at
their position, and of all parts' distances; *whole*, the same over all cells, with the deviations of the signals;
*deep*, of the deep part's whitened signals over all cells and over its own strangest. Last comes one number that
is no part of them: how far the calmer half of the image lies from good images, by which sessions are separated.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from psdl._util.matmul import product
from psdl.features.embeddings import averages as shrinking
from psdl.features.embeddings import bilinear
from psdl.features.store import Store
from psdl.methods import _whitening
from psdl.model.known import F16, Averages
from psdl.types import F32, F64, Grid, Recipe, Signals

__all__ = ["averaged", "of_good", "resampling", "strangest_count"]

SHARE = 50  # one cell in so many is among the strangest
LEAST = 2  # strangest cells, where the grid has few
LOW, HIGH, FACTOR = -3.0, 15.0, 0.5  # distances are clipped to these and halved, to weigh as signals do


def averaged(signals: Mapping[str, Signals], distances: Mapping[str, F32], known: Averages, recipe: Recipe) -> F32:
    """The averages (D,) of one image from its parts' signals (1,P,F), of which those of `known` are read, and
    from the distances (1,P) of all parts, with the grids of their signals."""
    near = signals[known.near]
    strange = _strange(distances, known, recipe)
    values = _whitened(known.mean, known.matrix, near.values[0]) - known.centre.astype(np.float32)
    grids = [signals[part.name].grid for part in recipe.parts]
    on = np.column_stack([_brought(z, grid, near.grid) for z, grid in zip(strange, grids, strict=True)])
    total = on @ np.array([part.weight for part in recipe.parts], np.float32)
    top, calm = _strangest(total), np.argsort(total, kind="stable")[: max(1, len(total) // 2)]
    both = np.column_stack([values, np.clip(on, LOW, HIGH) * np.float32(FACTOR)])
    blocks = [both[top].mean(axis=0), both.mean(axis=0), values.std(axis=0)]
    if known.deep:
        place = [part.name for part in recipe.parts].index(known.deep)
        raw = signals[known.deep].values[0]
        means = np.stack([raw.mean(axis=0), raw[_strangest(strange[place])].mean(axis=0)])
        blocks += list(_whitened(known.deep_mean, known.deep_matrix, means))
    apart = np.square(values[np.sort(calm)].mean(axis=0)).mean()
    return np.append(np.concatenate(blocks), apart).astype(np.float32)


def _whitened(mean: F32, matrix: F32, values: F32) -> F32:
    return _whitening.apply(_whitening.Whitening(mean, matrix), values)


def _strange(distances: Mapping[str, F32], known: Averages, recipe: Recipe) -> list[F32]:
    """Each part's distances (P,) in units of what good images as if unseen show on the whole."""
    return [(distances[part.name][0] - known.offset[n]) / known.scale[n] for n, part in enumerate(recipe.parts)]


def _strangest(values: F32) -> NDArray[np.intp]:
    """Places of the highest of values (P,), in their order."""
    return np.sort(np.argsort(-values, kind="stable")[: strangest_count(len(values))])


def strangest_count(positions: int) -> int:
    """How many of so many cells are the strangest."""
    return min(positions, max(LEAST, positions // SHARE))


def _brought(values: F32, grid: Grid, to: Grid) -> F32:
    """Values (P,) of one grid at the positions of another; zero outside a region of interest."""
    if (grid.h, grid.w) == (to.h, to.w):
        return values
    laid = np.zeros(grid.h * grid.w, np.float32)
    laid[grid.cells] = values
    rows, columns = resampling(grid.h, to.h), resampling(grid.w, to.w)
    found: F32 = product(product(rows, laid.reshape(1, grid.h, grid.w)), columns.T)
    return found.reshape(-1)[to.cells]


def resampling(source: int, target: int) -> F32:
    """(target, source): the weights that bring a side of cells to another number of them."""
    return shrinking(source, target) if source >= target else bilinear(source, target)


def of_good(
    stores: Mapping[str, Store], distances: Mapping[str, F32], fold: NDArray[np.intp], recipe: Recipe
) -> tuple[Averages, F16]:
    """How images are averaged, fitted to good ones; and the averages (N,D) of each, as if it were unseen.

    stores: the signals by part; distances (N,P) by part: of the images as if unseen; fold (N,): of each image. An
    image's signals are compared with the means of the other folds'.
    """
    near, deep = _chosen(recipe, stores)
    white = _whitening.fit(stores[near].batches(np.arange(stores[near].count)), stores[near].length, 1.0)
    other = stores[deep] if deep else None
    empty = _whitening.Whitening(np.zeros(0, np.float32), np.zeros((0, 0), np.float32))
    under = _whitening.fit(other.batches(np.arange(other.count)), other.length, 1.0) if other else empty
    sums = _Sums.of(stores[near], white, fold)
    each = [distances[part.name] for part in recipe.parts]
    offset = np.array([d.mean(dtype=np.float64) for d in each], np.float32)
    scale = np.array([max(d.std(dtype=np.float64), 1e-12) for d in each], np.float32)

    def leaving(out: int | None) -> Averages:
        return Averages(near, deep, *white, *under, sums.centre(out), offset, scale)

    rows = []
    without = {int(f): leaving(int(f)) for f in np.unique(fold)}
    for n, f in enumerate(fold):
        signals = {name: store.images(np.array([n])) for name, store in stores.items()}
        seen = {name: d[n : n + 1] for name, d in distances.items()}
        rows.append(averaged(signals, seen, without[int(f)], recipe).astype(np.float16))
    return leaving(None), np.stack(rows)


def _chosen(recipe: Recipe, stores: Mapping[str, Store]) -> tuple[str, str]:
    """The part whose signals are pooled most, of those the one with the fewest cells; and the part of the fewest
    cells and the longest signals, or none if that is the same one."""

    def cells(name: str) -> int:
        return stores[name].grid.h * stores[name].grid.w

    deep = min(recipe.parts, key=lambda p: (cells(p.name), -stores[p.name].length)).name
    others = [p for p in recipe.parts if p.name != deep] or list(recipe.parts)
    near = min(others, key=lambda p: (-p.pool, cells(p.name))).name
    return near, "" if near == deep else deep


class _Sums:
    """Sums of whitened good signals at each position, fold by fold."""

    def __init__(self, total: F64, squares: F64, counts: F64) -> None:
        self.total, self.squares, self.counts = total, squares, counts

    @classmethod
    def of(cls, store: Store, white: _whitening.Whitening, fold: NDArray[np.intp]) -> _Sums:
        folds = int(fold.max()) + 1
        total = np.zeros((folds, store.grid.positions, store.length))
        squares = np.zeros((folds, store.length))
        for n, f in enumerate(fold):
            values = _whitening.apply(white, store.images(np.array([n])).values[0])
            total[f] += values
            squares[f] += np.square(values, dtype=np.float64).sum(axis=0)
        return cls(total, squares, np.bincount(fold, minlength=folds).astype(np.float64))

    def centre(self, out: int | None) -> F16:
        """The mean (P,F) at each position without fold `out`, drawn to the mean over positions by the share of its
        variance over positions that is chance (empirical Bayes, one share a channel)."""
        kept = [f for f in range(len(self.counts)) if f != out]
        count = self.counts[kept].sum()
        mean = self.total[kept].sum(axis=0) / count
        within = self.squares[kept].sum(axis=0) / (count * len(mean)) - np.square(mean).mean(axis=0)
        chance = np.maximum(within, 0) / max(count - 1, 1)
        among = np.maximum(mean.var(axis=0), 1e-12)
        share = np.clip(chance / among, 0, 1)
        drawn = mean.mean(axis=0) + (1 - share) * (mean - mean.mean(axis=0))
        centre: F16 = drawn.astype(np.float16)
        return centre
