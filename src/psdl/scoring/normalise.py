"""What distances unseen good images leave at each position, and distances in units of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from psdl.types import F32, State

__all__ = ["Unseen", "merged", "statistics"]

FLOOR = 0.005  # of the scale of distances: good parts that differ leave more (docs/calibration.md)


@dataclass(frozen=True)
class Unseen:
    """What distances unseen good images leave at each position: mean (P,) and scale (P,) float32."""

    mean: F32
    scale: F32

    def measure(self, distances: F32) -> F32:
        """Distances (n,P) in units of what unseen good images show at the same position."""
        return (distances - self.mean) / self.scale

    def into(self, state: State, name: str = "unseen") -> State:
        """The state with these statistics among its arrays."""
        return replace(state, arrays={**state.arrays, f"{name}_mean": self.mean, f"{name}_scale": self.scale})

    @classmethod
    def of(cls, state: State, name: str = "unseen") -> Unseen:
        """The statistics that `into` put into the state. Raises KeyError if there are none."""
        return cls(state.arrays[f"{name}_mean"], state.arrays[f"{name}_scale"])


def statistics(distances: F32, shrink: float = 0.0, scale: float = 0.0) -> Unseen:
    """From held-out distances (N,P): the mean and the deviation of a new image's distance at each position.

    Both are empirical Bayes estimates: what N images say of a position is drawn to what all positions say, as far
    as chance alone would make so few images differ between positions. Means have a normal prior, variances
    an inverse gamma one, both fitted by moments. The deviation is predictive: it holds how uncertain the mean is.
    So few images give one tail with many. (Efron, Morris 1973; Smyth 2004 for variances.)
    shrink: how far beyond that positions are drawn to their mean, since they carry no information, 0..1:
    mean = (1 - shrink) m_p + shrink mean(m); deviation = s_p^(1 - shrink) gm(s)^shrink, gm the geometric mean.
    scale: how large such a distance can be, the signals' mean norm; the distances' own mean if that is larger. A
    deviation is at least FLOOR of it: near copies of one picture would else make any other infinite.
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
    real = max(float(mean.var()) - typical / count, 0.0)  # variance of means between positions, chance taken off
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
    """The statistics of `before` images and of `count` others together."""
    share = count / (before + count)
    mean = (1 - share) * old.mean.astype(np.float64) + share * new.mean
    apart = share * (1 - share) * np.square(new.mean.astype(np.float64) - old.mean)
    squares = (1 - share) * np.square(old.scale, dtype=np.float64) + share * np.square(new.scale, dtype=np.float64)
    return Unseen(mean.astype(np.float32), np.sqrt(squares + apart).astype(np.float32))
