"""Statistics of the distances of held-out good images at each position, and distances standardised by them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from psdl.types import F32, State

__all__ = ["Unseen", "merged", "statistics"]

FLOOR = 0.005  # of the scale of distances: good parts that differ leave more (docs/calibration.md)


@dataclass(frozen=True)
class Unseen:
    """The mean (P,) and scale (P,) float32 of the distances of held-out good images at each position."""

    mean: F32
    scale: F32

    def measure(self, distances: F32) -> F32:
        """Returns distances (n,P) minus the mean, divided by the scale of their position."""
        return (distances - self.mean) / self.scale

    def into(self, state: State, name: str = "unseen") -> State:
        """Returns the state with these statistics among its arrays, as `name`_mean and `name`_scale."""
        return replace(state, arrays={**state.arrays, f"{name}_mean": self.mean, f"{name}_scale": self.scale})

    @classmethod
    def of(cls, state: State, name: str = "unseen") -> Unseen:
        """Returns the statistics that `into` added to the state. Raises KeyError if there are none."""
        return cls(state.arrays[f"{name}_mean"], state.arrays[f"{name}_scale"])


def statistics(distances: F32, shrink: float = 0.0, scale: float = 0.0) -> Unseen:
    """Returns the mean and the scale of a new image's distance at each position, from held-out distances (N,P).

    Both are empirical Bayes estimates (Efron, Morris 1973; Smyth 2004 for variances). The statistics of a position
    are shrunk towards those of all positions, as far as chance alone makes positions differ among so few images.
    Means have a normal prior and variances an inverse gamma prior, both fitted by moments. The scale is the
    predictive standard deviation, which includes the uncertainty of the mean, so that few images give the same
    tail as many.

    `shrink`, from 0 to 1, shrinks further, for images in which positions carry no information. The estimates m and
    s of a position become (1 - shrink) m + shrink mean(m) and s^(1 - shrink) g^shrink, where mean(m) is the mean
    of m over positions, and g the geometric mean of s. `scale` is a typical size of such distances, the signals'
    mean norm; the mean absolute distance replaces it if that is larger. No s is below FLOOR times this size,
    because near copies of one picture would otherwise make any other picture infinitely far.
    """
    count, freedom = len(distances), max(1, len(distances) - 1)
    mean, variance = distances.mean(axis=0, dtype=np.float64), distances.var(axis=0, dtype=np.float64)
    variance *= count / freedom
    if count == 1:
        variance[:] = mean.var()
    typical = max(float(variance.mean()), 1e-24)
    apart = (1 + float(variance.var()) / typical**2) / (1 + 2 / freedom) - 1  # 2 / (strength - 4) of the prior
    strength = 4 + 2 / max(apart, 1e-3)
    variance = ((strength - 2) * typical + freedom * variance) / (strength + freedom)
    real = max(float(mean.var()) - typical / count, 0.0)  # variance of the true means between positions
    weight = real / (real + variance / count)
    centre = mean.mean()
    mean = centre + weight * (mean - centre)
    deviation = np.sqrt(variance * (1 + weight / count))
    deviation = np.maximum(deviation, FLOOR * max(scale, float(np.abs(distances).mean()), 1e-12))
    together = np.exp(np.log(deviation).mean())
    mean = (1 - shrink) * mean + shrink * centre
    spread = deviation ** (1 - shrink) * together**shrink
    return Unseen(mean.astype(np.float32), spread.astype(np.float32))


def merged(old: Unseen, before: int, new: Unseen, count: int) -> Unseen:
    """Returns the statistics of the union of `before` images and `count` others."""
    share = count / (before + count)
    mean = (1 - share) * old.mean.astype(np.float64) + share * new.mean
    apart = share * (1 - share) * np.square(new.mean.astype(np.float64) - old.mean)
    squares = (1 - share) * np.square(old.scale, dtype=np.float64) + share * np.square(new.scale, dtype=np.float64)
    return Unseen(mean.astype(np.float32), np.sqrt(squares + apart).astype(np.float32))
