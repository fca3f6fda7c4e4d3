"""What distances unseen good images leave at each position, and distances in units of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from psdl.types import F32, State

FLOOR = 0.005  # of the scale of distances: good parts that differ leave more (docs/calibration.md)
FEW = 8  # images below which single positions have no statistics of their own


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


def statistics(distances: F32, shrink: float = 0.5, scale: float = 0.0) -> Unseen:
    """From held-out distances (N,P): mean and deviation at each position, each drawn towards its mean over all.
    scale: how large such a distance can be, the signals' mean norm; the distances' own mean if that is larger.

    mean = (1 - shrink) m_p + shrink mean(m); scale = s_p^(1 - shrink) gm(s)^shrink, gm the geometric mean. Fewer
    than FEW images say nothing about single positions: then all positions share one mean and one deviation. A
    deviation is at least FLOOR of the scale: near copies of one picture would else make any other infinite.
    """
    mean = distances.mean(axis=0, dtype=np.float64)
    deviation = distances.std(axis=0, dtype=np.float64)
    if len(distances) < FEW:
        mean = np.full_like(mean, mean.mean())
        deviation = np.full_like(mean, distances.std(dtype=np.float64))
    deviation = np.maximum(deviation, FLOOR * max(scale, float(np.abs(distances).mean()), 1e-12))
    together = np.exp(np.log(deviation).mean())
    mean = (1 - shrink) * mean + shrink * mean.mean()
    spread = deviation ** (1 - shrink) * together**shrink
    return Unseen(mean.astype(np.float32), spread.astype(np.float32))


def merged(old: Unseen, before: int, new: Unseen, count: int) -> Unseen:
    """The statistics of `before` images and of `count` others together."""
    share = count / (before + count)
    mean = (1 - share) * old.mean.astype(np.float64) + share * new.mean
    apart = share * (1 - share) * np.square(new.mean.astype(np.float64) - old.mean)
    squares = (1 - share) * np.square(old.scale, dtype=np.float64) + share * np.square(new.scale, dtype=np.float64)
    return Unseen(mean.astype(np.float32), np.sqrt(squares + apart).astype(np.float32))
