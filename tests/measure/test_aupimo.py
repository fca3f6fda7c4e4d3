"""AUPIMO against its definition, counted out."""

from __future__ import annotations

import numpy as np
import pytest

from psdl.measure.aupimo import HIGHEST, LOWEST, aupimo


def counted(good, maps, masks) -> float:
    """For each rate the lowest threshold that keeps it on good pixels; the share of each mask above; the mean over
    log rates."""
    rates = np.geomspace(LOWEST, HIGHEST, 300)
    found = []
    for values, mask in zip(maps, masks, strict=True):
        curve = []
        for rate in rates:
            threshold = min(t for t in good.ravel() if np.mean(good > t) <= rate)
            curve.append(np.mean(values[mask] > threshold))
        found.append(np.trapezoid(curve, np.log(rates)) / np.log(HIGHEST / LOWEST))
    return float(np.mean(found))


def test_it_is_what_the_definition_says(monkeypatch):
    monkeypatch.setattr("psdl.measure.aupimo.LOWEST", 1e-3)
    monkeypatch.setattr("psdl.measure.aupimo.HIGHEST", 1e-1)
    monkeypatch.setattr("tests.measure.test_aupimo.LOWEST", 1e-3)
    monkeypatch.setattr("tests.measure.test_aupimo.HIGHEST", 1e-1)
    rng = np.random.default_rng(0)
    good = rng.normal(size=(2, 10, 10)).astype(np.float32)
    maps = rng.normal(1, 1, (3, 10, 10)).astype(np.float32)
    masks = rng.random((3, 10, 10)) < 0.2
    assert aupimo(good, maps, masks) == pytest.approx(counted(good, maps, masks), abs=1e-12)


def test_extremes_and_missing_kinds():
    good, mask = np.zeros((2, 400, 400), np.float32), np.zeros((1, 400, 400), bool)
    mask[0, :5, :5] = True
    maps = np.where(mask, 1.0, 0.0).astype(np.float32)
    assert aupimo(good, maps, mask) == pytest.approx(1)
    assert aupimo(good, -maps, mask) == 0
    maps[0, 0, 0] = np.nan
    assert aupimo(good, maps, mask) == pytest.approx(1)
    assert aupimo(good[:0], maps, mask) is None
    assert aupimo(good, maps[:0], mask[:0]) is None
