"""Averages the signals and distances of an image into the features that separate known defects from good images.

The averages of an image consist of three blocks:

- The block *top* averages over the most anomalous cells. It has the near branch's whitened signals minus the mean
  of good images at their position, and the distances of all branches.
- The block *whole* averages the same over all cells, and adds the standard deviations of the signals.
- The block *deep* has the whitened mean signals of the deep branch over all cells and over its own most anomalous
  cells. It is missing where one branch is both near and deep.

One more number follows that the classifier does not use. It measures how far the less anomalous half of the image
is from good images, and serves to recognise images of another recording session.
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

SHARE = 50  # one cell in so many is among the most anomalous
LEAST = 2  # most anomalous cells, even of a small grid
LOW, HIGH, FACTOR = -3.0, 15.0, 0.5  # distances are clipped and halved, to weigh as signals do


def averaged(signals: Mapping[str, Signals], distances: Mapping[str, F32], known: Averages, recipe: Recipe) -> F32:
    """Returns the averages (D+1,) float32 of one image.

    `signals` has the signals (1,P,F) of the branches, of which those of `known` are used, and `distances` the
    distances (1,P) of all branches. `known` has the fitted parameters.
    """
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
    """Returns whitened values (...,F)."""
    return _whitening.apply(_whitening.Whitening(mean, matrix), values)


def _strange(distances: Mapping[str, F32], known: Averages, recipe: Recipe) -> list[F32]:
    """Returns each branch's distances (P,), standardised by mean and deviation on held-out good images."""
    return [(distances[part.name][0] - known.offset[n]) / known.scale[n] for n, part in enumerate(recipe.parts)]


def _strangest(values: F32) -> NDArray[np.intp]:
    """Returns the sorted indices of the highest of values (P,)."""
    return np.sort(np.argsort(-values, kind="stable")[: strangest_count(len(values))])


def strangest_count(positions: int) -> int:
    """Returns how many of so many cells count as the most anomalous ones."""
    return min(positions, max(LEAST, positions // SHARE))


def _brought(values: F32, grid: Grid, to: Grid) -> F32:
    """Returns values (P,) of one grid resampled to the positions of another; zero outside a region of interest."""
    if (grid.h, grid.w) == (to.h, to.w):
        return values
    laid = np.zeros(grid.h * grid.w, np.float32)
    laid[grid.cells] = values
    rows, columns = resampling(grid.h, to.h), resampling(grid.w, to.w)
    found: F32 = product(product(rows, laid.reshape(1, grid.h, grid.w)), columns.T)
    return found.reshape(-1)[to.cells]


def resampling(source: int, target: int) -> F32:
    """Returns the matrix (target, source) float32 that resamples one side of a grid to another number of cells."""
    return shrinking(source, target) if source >= target else bilinear(source, target)


def of_good(
    stores: Mapping[str, Store], distances: Mapping[str, F32], fold: NDArray[np.intp], recipe: Recipe
) -> tuple[Averages, F16]:
    """Returns the parameters of the averages, fitted to good images, and the averages (N,D+1) float16 of these
    images.

    `stores` has the signals of each branch, `distances` (N,P) the held-out distances of each branch, and `fold`
    (N,) the fold of each image. The averages of an image are computed as if it were new: its signals are compared
    with the means of the other folds.
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
    """Returns the names of the near and the deep branch.

    The deep branch has the fewest cells and, among those, the longest signals. The near branch is the one of the
    others with the strongest pooling and, among those, the fewest cells. The second name is empty if both are the
    same branch.
    """

    def cells(name: str) -> int:
        return stores[name].grid.h * stores[name].grid.w

    deep = min(recipe.parts, key=lambda p: (cells(p.name), -stores[p.name].length)).name
    others = [p for p in recipe.parts if p.name != deep] or list(recipe.parts)
    near = min(others, key=lambda p: (-p.pool, cells(p.name))).name
    return near, "" if near == deep else deep


class _Sums:
    """Sums of the whitened signals of good images at each position, for each fold.

    `total` (folds,P,F) are the sums, `squares` (folds,F) the sums of squares over positions, `counts` (folds,) the
    numbers of images.
    """

    def __init__(self, total: F64, squares: F64, counts: F64) -> None:
        self.total, self.squares, self.counts = total, squares, counts

    @classmethod
    def of(cls, store: Store, white: _whitening.Whitening, fold: NDArray[np.intp]) -> _Sums:
        """Returns the sums of all images of a store."""
        folds = int(fold.max()) + 1
        total = np.zeros((folds, store.grid.positions, store.length))
        squares = np.zeros((folds, store.length))
        for n, f in enumerate(fold):
            values = _whitening.apply(white, store.images(np.array([n])).values[0])
            total[f] += values
            squares[f] += np.square(values, dtype=np.float64).sum(axis=0)
        return cls(total, squares, np.bincount(fold, minlength=folds).astype(np.float64))

    def centre(self, out: int | None) -> F16:
        """Returns the mean (P,F) float16 at each position over all folds but `out`, shrunk towards the mean over
        positions.

        The shrinkage of a channel is the share of its variance between positions that chance explains (empirical
        Bayes).
        """
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
