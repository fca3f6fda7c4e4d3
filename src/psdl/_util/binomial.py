"""The binomial distribution: what counts of trials say of a rate."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from psdl.types import F64


def at_most(n: int, p: float) -> F64:
    """(n+1,): the chances of at most 0, 1, ... n successes in n trials of chance p, 0 < p < 1."""
    i = np.arange(n + 1)
    factorial = np.array([math.lgamma(j + 1) for j in range(n + 1)])
    logs = factorial[n] - factorial - factorial[::-1] + i * math.log(p) + (n - i) * math.log1p(-p)
    chances: F64 = np.minimum(np.cumsum(np.exp(logs)), 1.0)
    return chances


def interval(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Bounds of the rate behind so many successes, exact and two-sided: it lies outside in at most the share
    1 - confidence of all cases (Clopper, Pearson 1934)."""
    tail = (1 - confidence) / 2
    low = _crossing(lambda p: float(at_most(trials, p)[successes - 1]) >= 1 - tail) if successes else 0.0
    high = _crossing(lambda p: float(at_most(trials, p)[successes]) >= tail) if successes < trials else 1.0
    return low, high


def _crossing(holds: Callable[[float], bool]) -> float:
    """The largest p in (0,1) at which `holds`, which does so below some point, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return (low + high) / 2
