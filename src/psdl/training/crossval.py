"""Distances of good images as if unseen: each fold's images are judged by a state learned without them."""

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

DOUBTED = 30  # images from which on half of the differences between positions are believed


def folds(groups: Sequence[str], count: int, seed: int) -> NDArray[np.intp]:
    """Fold (N,) of each image: whole groups together, folds of nearly equal size, drawn by seed.

    Groups are dealt largest first to the smallest fold; their order among equals is drawn.
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
    """How far statistics of held-out distances (N,P) are to be drawn to their means over positions, 0..1:
    1 - (K1 / K0) N / (N + DOUBTED). K0, K1: kurtosis of the distances measured by each position's own statistics,
    and by one mean and deviation for all; K1 / K0 counts as 1 where it is more.

    Where parts lie elsewhere in every picture, a position that mostly shows background has a small mean and
    deviation, and a good part that reaches it lies far outside: measured by position, good images then have heavy
    tails, in which defects are lost. Where positions mean the same in every picture both are alike. Few images
    cannot show which it is; until they do, positions count for nothing.
    """
    own, common = (_kurtosis(measured(distances, fold, shrink, scale)) for shrink in (0.0, 1.0))
    return 1 - min(1.0, common / own) * len(distances) / (len(distances) + DOUBTED)


def _kurtosis(values: F32) -> float:
    """Of values (N,P): the mean fourth power of their deviations from their mean, over the squared variance."""
    mean = values.mean(dtype=np.float64)
    second = fourth = 0.0
    for row in values:
        squares = np.square(row - mean)
        second += float(squares.sum())
        fourth += float(np.square(squares).sum())
    return values.size * fourth / second**2 if second else 1.0


def explained(residual: F32 | None, norm: F32 | None) -> float:
    """The share of unseen good signals' energy that their codes explain, 0 if none: from norms (N,P) of their
    residuals and of the signals; 1 for a method that gives no norms. A dictionary that explains nothing separates
    good from bad no better than the signal's norm does."""
    if residual is None or norm is None:
        return 1.0
    energy = float(np.square(norm, dtype=np.float64).sum())
    return max(0.0, 1 - float(np.square(residual, dtype=np.float64).sum()) / max(energy, 1e-300))


def measured(distances: F32, fold: NDArray[np.intp], shrink: float = 0.0, scale: float = 0.0) -> F32:
    """Held-out distances (N,P), each fold's measured by the statistics of the other folds: still as if unseen.
    scale: see `normalise.statistics`."""
    out = np.empty_like(distances)
    for f in range(int(fold.max()) + 1):
        out[fold == f] = statistics(distances[fold != f], shrink, scale).measure(distances[fold == f])
    return out


def without(state: State, out: NDArray[np.bool_]) -> State:
    """The state without the atoms that were cut from the images `out` (N,): they become zero and code nothing."""
    dictionary = np.where(out[state.arrays["source"]][..., None], 0, state.arrays["dictionary"])
    return replace(state, arrays={**state.arrays, "dictionary": dictionary.astype(np.float16)})


def judged(
    fit: Callable[[NDArray[np.intp]], State],
    judge: Callable[[State, NDArray[np.intp]], Coded],
    fold: NDArray[np.intp],
    keep: Callable[[int, Callable[[], Coded]], Coded] = lambda _, compute: compute(),
) -> Coded:
    """What `judge` says of each of N images by the state that `fit` learns on the other folds' images, arrays
    (N,P). fold (N,): the fold of each image. keep(fold, compute): what `compute` gives of a fold's images, or
    what is known of them already."""

    def one(inside: NDArray[np.bool_]) -> Coded:
        return judge(fit(np.nonzero(~inside)[0]), np.nonzero(inside)[0])

    folds = range(int(fold.max()) + 1)
    found = [keep(f, partial(one, fold == f)) for f in folds]
    return joined(found, np.concatenate([np.nonzero(fold == f)[0] for f in folds]))
