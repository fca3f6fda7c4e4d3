"""Distances of good images as if unseen: each fold's images are judged by a state learned without them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from psdl.types import F32, State

BATCH = 16  # images judged at once


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


def distances(
    fit: Callable[[NDArray[np.intp]], State],
    judge: Callable[[State, Any], F32],
    images: int,
    fold: NDArray[np.intp],
) -> F32:
    """(N,P) for N = `images`: each one's distances by the state that `fit` learns on the other folds' images."""
    parts, order = [], []
    for f in range(int(fold.max()) + 1):
        inside = np.nonzero(fold == f)[0]
        parts.append(judge(fit(np.nonzero(fold != f)[0]), inside))
        order.append(inside)
    out = np.empty((images, parts[0].shape[1]), np.float32)
    out[np.concatenate(order)] = np.concatenate(parts)
    return out
