"""The binomial distribution: bounds of a rate from counts."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from psdl.types import F64


def at_most(n: int, p: float) -> F64:
    """Returns (n+1,): the probabilities of at most 0, 1, ... n successes in n trials with probability p, 0 < p <
    1."""
    i = np.arange(n + 1)
    factorial = np.array([math.lgamma(j + 1) for j in range(n + 1)])
    logs = factorial[n] - factorial - factorial[::-1] + i * math.log(p) + (n - i) * math.log1p(-p)
    chances: F64 = np.minimum(np.cumsum(np.exp(logs)), 1.0)
    return chances


def interval(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Returns the exact two-sided confidence interval of the rate behind so many successes (Clopper, Pearson
    1934). The rate lies outside with a probability of at most 1 - confidence."""
    tail = (1 - confidence) / 2
    low = _crossing(lambda p: float(at_most(trials, p)[successes - 1]) >= 1 - tail) if successes else 0.0
    high = _crossing(lambda p: float(at_most(trials, p)[successes]) >= tail) if successes < trials else 1.0
    return low, high


def _crossing(holds: Callable[[float], bool]) -> float:
    """Returns by bisection the largest p in (0,1) at which `holds`, which is true below some point and false
    above."""
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return (low + high) / 2
