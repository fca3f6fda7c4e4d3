"""Cross-validation: the images of each fold are judged by a state that was learned without them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from psdl.scoring.coded import joined
from psdl.scoring.normalise import statistics
from psdl.types import F32, Coded, State

__all__ = ["explained", "folds", "judged", "measured", "shrinkage", "without"]

DOUBTED = 30  # number of images at which differences between positions count half


def folds(groups: Sequence[str], count: int, seed: int) -> NDArray[np.intp]:
    """Assigns each of N images to a fold and returns the fold's number (N,).

    Images of one group share a fold. Groups are assigned, the largest first, to the smallest fold so far; groups
    of equal size come in an order drawn by `seed`. There are at most `count` folds and at most as many as groups.
    """
    names, index, sizes = np.unique(np.asarray(groups, dtype=str), return_inverse=True, return_counts=True)
    count = max(1, min(count, len(names)))
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0,)))
    order = rng.permutation(len(names))
    order = order[np.argsort(-sizes[order], kind="stable")]
    fold_of = np.zeros(len(names), np.intp)
    filled = np.zeros(count, np.intp)
    for name in order:
        fold_of[name] = int(np.argmin(filled))
        filled[fold_of[name]] += sizes[name]
    return fold_of[index]


def shrinkage(distances: F32, fold: NDArray[np.intp], scale: float = 0.0) -> float:
    """Returns how far statistics of held-out distances (N,P) should be drawn to their means over positions, in
    0..1.

    The value is 1 - min(1, K1 / K0) N / (N + DOUBTED). K0 is the kurtosis of the distances standardised by each
    position's own statistics, K1 that of the distances standardised by one mean and deviation for all positions.
    `fold` (N,) and `scale` are as in `measured`.

    Where parts lie elsewhere in every picture, a position that mostly shows background has a small mean and
    deviation, and a good part that reaches it lies far outside. Standardised by position, good images then have
    heavy tails, in which defects are lost. Where positions mean the same in every picture, both kurtoses are
    alike. Few images cannot show which case it is; the fewer there are, the less the positions count.
    """
    own, common = (_kurtosis(measured(distances, fold, shrink, scale)) for shrink in (0.0, 1.0))
    return 1 - min(1.0, common / own) * len(distances) / (len(distances) + DOUBTED)


def _kurtosis(values: F32) -> float:
    """Returns the kurtosis of all values (N,P): the fourth central moment over the squared variance."""
    mean = values.mean(dtype=np.float64)
    second = fourth = 0.0
    for row in values:
        squares = np.square(row - mean)
        second += float(squares.sum())
        fourth += float(np.square(squares).sum())
    return values.size * fourth / second**2 if second else 1.0


def explained(residual: F32 | None, norm: F32 | None) -> float:
    """Returns the share of the energy of held-out good signals that their sparse codes explain, in 0..1.

    `residual` and `norm` (N,P) are the norms of the residuals and of the signals. The share is 1 for a method that
    gives no norms. A dictionary that explains nothing separates good from bad no better than the signal's norm
    does.
    """
    if residual is None or norm is None:
        return 1.0
    energy = float(np.square(norm, dtype=np.float64).sum())
    return max(0.0, 1 - float(np.square(residual, dtype=np.float64).sum()) / max(energy, 1e-300))


def measured(distances: F32, fold: NDArray[np.intp], shrink: float = 0.0, scale: float = 0.0) -> F32:
    """Standardises held-out distances (N,P), those of each fold by the statistics of the other folds.

    The result (N,P) is thus still held out. `fold` (N,) is the fold of each image; see `normalise.statistics` for
    `shrink` and `scale`.
    """
    out = np.empty_like(distances)
    for f in range(int(fold.max()) + 1):
        out[fold == f] = statistics(distances[fold != f], shrink, scale).measure(distances[fold == f])
    return out


def without(state: State, out: NDArray[np.bool_]) -> State:
    """Returns the state without the atoms that were cut from the images chosen by `out` (N,) bool. These atoms
    become zero, so that no code uses them."""
    dictionary = np.where(out[state.arrays["source"]][..., None], 0, state.arrays["dictionary"])
    return replace(state, arrays={**state.arrays, "dictionary": dictionary.astype(np.float16)})


def judged(
    fit: Callable[[NDArray[np.intp]], State],
    judge: Callable[[State, NDArray[np.intp]], Coded],
    fold: NDArray[np.intp],
    keep: Callable[[int, Callable[[], Coded]], Coded] = lambda _, compute: compute(),
) -> Coded:
    """Judges each of N images by a state that was learned on the other folds, and returns arrays (N,P).

    `fit` learns a state from the images with the given indices, and `judge` says what a state makes of the images
    with the given indices. `fold` (N,) is the fold of each image. `keep(fold, compute)` returns the result of
    `compute` for a fold, or one that was kept earlier.
    """

    def one(inside: NDArray[np.bool_]) -> Coded:
        return judge(fit(np.nonzero(~inside)[0]), np.nonzero(inside)[0])

    folds = range(int(fold.max()) + 1)
    found = [keep(f, partial(one, fold == f)) for f in folds]
    return joined(found, np.concatenate([np.nonzero(fold == f)[0] for f in folds]))
