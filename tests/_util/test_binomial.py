"""The binomial distribution and intervals, against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from psdl._util import binomial


@pytest.mark.parametrize(("n", "p"), [(1, 0.5), (20, 0.01), (300, 0.99), (5000, 0.05)])
def test_the_distribution_function(n, p):
    expected = stats.binom.cdf(np.arange(n + 1), n, p)
    np.testing.assert_allclose(binomial.at_most(n, p), expected, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize(("k", "n"), [(0, 1), (1, 1), (0, 20), (3, 20), (20, 20), (7, 388), (150, 388)])
def test_clopper_pearsons_interval(k, n):
    low, high = stats.binomtest(k, n).proportion_ci(0.95, "exact")
    assert binomial.interval(k, n) == pytest.approx((low, high), abs=1e-9)


def test_the_interval_covers():
    rng = np.random.default_rng(0)
    bounds = [binomial.interval(k, 30) for k in range(31)]
    inside = [bounds[k][0] <= 0.1 <= bounds[k][1] for k in rng.binomial(30, 0.1, 4000)]
    assert np.mean(inside) >= 0.94
