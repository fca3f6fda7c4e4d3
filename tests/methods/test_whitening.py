"""Half-whitening by its definition."""

from __future__ import annotations

import numpy as np
import pytest

from psdl.methods import _whitening


def signals():
    rng = np.random.default_rng(0)
    return (rng.normal(size=(3000, 6)) @ rng.normal(size=(6, 6)) + rng.normal(size=6)).astype(np.float32)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_variances_are_raised_to_one_minus_power_and_their_mean_is_kept(power):
    Y = signals()
    white = _whitening.fit(np.array_split(Y, 7), 6, power)
    out = _whitening.apply(white, Y)
    covariance = np.cov(out.T, bias=True)
    eigenvalues = np.linalg.eigvalsh(np.cov(Y.T, bias=True))
    expected = eigenvalues ** (1 - power)
    expected *= eigenvalues.sum() / expected.sum()
    np.testing.assert_allclose(np.diag(covariance), expected, rtol=1e-3)
    np.testing.assert_allclose(covariance - np.diag(np.diag(covariance)), 0, atol=1e-3 * expected.max())
    np.testing.assert_allclose(out.mean(axis=0), 0, atol=1e-4)


def test_signals_without_variance_stay_finite():
    Y = np.ones((10, 4), np.float32)
    assert np.isfinite(_whitening.apply(_whitening.fit([Y], 4, 0.5), Y)).all()


def test_moments_of_parts_join_to_those_of_all():
    Y = signals() + np.float32(1000)
    apart = [_whitening.moments([part], 6) for part in (Y[:100], Y[100:150], Y[150:])]
    together, joined = _whitening.moments([Y], 6), _whitening.joined(apart)
    assert joined.signals == len(Y)
    np.testing.assert_allclose(joined.mean, together.mean, rtol=1e-9)
    np.testing.assert_allclose(joined.covariance, together.covariance, rtol=1e-4, atol=1e-4)
