"""A cross-fitted classifier of good images against known defects.

It is a ridge-penalised logistic regression on standardised averages that are projected onto their leading
principal directions. Good images and defects have the same total weight. For each fold of the good images it is
fitted to the other folds and to all defects. A held-out good image is judged by its fold's classifier, a new image
by the mean of all classifiers, so that no good image is judged by a classifier that has seen its item.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from psdl._util.blas import one_thread
from psdl.model.known import Classifier
from psdl.scoring.known import brought
from psdl.training.crossval import folds
from psdl.types import F64

__all__ = ["Fitted", "Images", "fitted"]

FOLDS = 5
DIRECTIONS = 250
RIDGE = 1e-3
ROUNDS, HALVINGS, CLOSE = 50, 30, 1e-9  # steps of Newton's method; halvings of each; decrease at which it ends


class Images(NamedTuple):
    """What the classifier reads of n images: anomaly scores (n,) float64; averages (n,D+1), of which the last one
    separates sessions and is not learned from; and the number of each image's item (n,)."""

    anomaly: F64
    averages: NDArray[np.floating]
    items: NDArray[np.intp]

    def rows(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> Images:
        return Images(self.anomaly[chosen], self.averages[chosen], self.items[chosen])


class Fitted(NamedTuple):
    """The classifier for new images, and cross-fitted values of the N good images: `good` (N,), their scores
    against known defects, in units of the anomaly score; and `decided` (N,), the value of their fold's classifier,
    above 0 where an image looks more like the defects than like good images."""

    classifier: Classifier
    good: F64
    decided: F64


@one_thread
def fitted(good: Images, defects: Images, blocks: Sequence[int], seed: int = 0) -> Fitted:
    """Fits the classifier of good images against known defects.

    `blocks` are the lengths of the averages' blocks, which get the same weight. `seed` draws the folds.
    """
    scale = _Scale.of(good, blocks)
    normal, strange = scale.apply(good), scale.apply(defects)
    fold = folds([str(item) for item in good.items], FOLDS, seed)
    decided = np.empty(len(normal))
    found = []
    for f in range(int(fold.max()) + 1):
        w = _logistic(normal[fold != f], strange)
        decided[fold == f] = normal[fold == f] @ w[:-1] + w[-1]
        found.append(w)
    mean = np.mean(found, axis=0)
    weights = mean[:-2] / scale.deviation
    classifier = Classifier(
        weights=weights,
        slope=float(mean[-2]),
        bias=float(mean[-1] - weights @ scale.mean),
        unit=scale.unit,
        middle=scale.middle,
        spread=scale.spread,
        mean=float(decided.mean()),
        deviation=max(float(decided.std()), 1e-12),
    )
    return Fitted(classifier, brought(decided, classifier), decided)


@dataclass(frozen=True)
class _Scale:
    """How averages and anomaly scores are standardised. `mean` and `deviation` (D,) are those of good images'
    averages, the deviation multiplied by the square root of the block's length. For `unit`, `middle` and `spread`
    of anomaly scores see `Classifier`."""

    mean: F64
    deviation: F64
    unit: float
    middle: float
    spread: float

    @classmethod
    def of(cls, good: Images, blocks: Sequence[int]) -> _Scale:
        values = good.averages[:, :-1].astype(np.float64)
        spread = np.maximum(values.std(axis=0), 1e-6)
        roots = np.repeat(np.sqrt(blocks), blocks)
        unit = max(float(np.median(np.abs(good.anomaly))) / 4, 1e-9)
        turned = np.arcsinh(good.anomaly / unit)
        return cls(values.mean(axis=0), spread * roots, unit, float(turned.mean()), max(float(turned.std()), 1e-9))

    def apply(self, images: Images) -> F64:
        """Returns the standardised averages with the standardised anomaly score as the last column, (n,D+1)."""
        values = (images.averages[:, :-1].astype(np.float64) - self.mean) / self.deviation
        turned = (np.arcsinh(images.anomaly / self.unit) - self.middle) / self.spread
        return np.column_stack([values, turned])


def _logistic(good: F64, defects: F64) -> F64:
    """Returns weights (D+2,) of the averages and of the anomaly score, and the bias, for good (n,D+1) against
    defects (K,D+1). They minimise the mean loss of both sides plus RIDGE / 2 (|w|^2 + (slope - 1)^2), where the
    slope is the anomaly score's weight."""
    both = np.concatenate([good, defects])
    basis = _directions(both[:, :-1])
    x = np.column_stack([both[:, :-1] @ basis, both[:, -1], np.ones(len(both))])
    sign = np.repeat([-1.0, 1.0], [len(good), len(defects)])
    share = np.repeat([0.5 / len(good), 0.5 / len(defects)], [len(good), len(defects)])
    target = np.zeros(x.shape[1])
    target[-2] = 1.0
    found = _newton(x, sign, share, target)
    return np.append(basis @ found[:-2], found[-2:])


def _directions(values: F64) -> F64:
    """Returns the leading principal directions (D,k) of values (n,D), which are centred on good images already."""
    squares = values @ values.T
    energy, vectors = np.linalg.eigh(squares)
    kept = min(DIRECTIONS, int(np.sum(energy > 1e-10 * max(float(energy[-1]), 1e-300))))
    found: F64 = values.T @ (vectors[:, -kept:] / np.sqrt(energy[-kept:]))
    return found


def _newton(x: F64, sign: F64, share: F64, target: F64) -> F64:
    """Minimises share . log(1 + exp(-sign x w)) + RIDGE / 2 |w - target|^2 over w; the bias, the last weight, has
    next to no penalty. Newton's method with step halving, started at `target`."""
    ridge = np.full(x.shape[1], RIDGE)
    ridge[-1] = 1e-12

    def loss(w: F64) -> float:
        return float(share @ np.logaddexp(0, -sign * (x @ w)) + ridge @ np.square(w - target) / 2)

    w, value = target.copy(), loss(target)
    for _ in range(ROUNDS):
        wrong = np.exp(-np.logaddexp(0, sign * (x @ w)))  # the probability of the other class
        slope = -x.T @ (share * sign * wrong) + ridge * (w - target)
        curve = (x * (share * wrong * (1 - wrong))[:, None]).T @ x + np.diag(ridge)
        step = np.linalg.solve(curve, slope)
        for _ in range(HALVINGS):
            new = loss(w - step)
            if new <= value:
                break
            step /= 2
        gain, w, value = value - new, w - step, new
        if gain < CLOSE:
            break
    return w
