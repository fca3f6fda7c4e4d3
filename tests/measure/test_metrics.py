"""Metrics against scikit-learn, and AU-PRO against a slow reading of its definition and planted cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from sklearn import metrics as oracle

from psdl.measure.aupro import aupro, region_weights
from psdl.measure.auroc import auroc
from psdl.measure.average_precision import average_precision
from psdl.measure.components import label
from psdl.measure.f1max import f1max, oracle_threshold
from psdl.measure.metrics import KEYS, mean, metrics
from psdl.measure.ranks import ranks


@settings(deadline=None, max_examples=80)
@given(st.integers(2, 200), st.integers(0, 10**6), st.sampled_from([3, 20, 10**6]))
def test_image_metrics_equal_scikit_learns(n, seed, levels):
    rng = np.random.default_rng(seed)
    labels = rng.random(n) < rng.uniform(0.1, 0.9)
    labels[0], labels[1] = True, False
    scores = rng.integers(0, levels, n) / 7 + labels * rng.uniform(0, 1)
    found = ranks(scores, labels)
    assert auroc(found) == pytest.approx(oracle.roc_auc_score(labels, scores), abs=1e-12)
    assert average_precision(found) == pytest.approx(oracle.average_precision_score(labels, scores), abs=1e-12)
    precision, recall, _ = oracle.precision_recall_curve(labels, scores)
    best = np.max(2 * precision * recall / np.maximum(precision + recall, 1e-300))
    assert f1max(found) == pytest.approx(best, abs=1e-12)
    fpr, tpr, thresholds = oracle.roc_curve(labels, scores, drop_intermediate=False)
    gain = dict(zip(thresholds, tpr - fpr, strict=True))
    assert gain[oracle_threshold(found)] == pytest.approx(max(gain.values()), abs=1e-12)


def slow_aupro(maps, masks, limit):
    """For every threshold the mean coverage of regions and the false-positive rate; trapezoids up to `limit`."""
    regions = []
    for n, mask in enumerate(masks):
        labels, count = ndimage.label(mask, np.ones((3, 3)))
        regions += [(n, labels == i) for i in range(1, count + 1)]
    points = [(0.0, 0.0)]
    for t in np.unique(maps)[::-1]:
        rate = (maps[~masks] >= t).mean()
        points.append((rate, np.mean([(maps[n][region] >= t).mean() for n, region in regions])))
    x, y = np.array(points).T
    inside = x <= limit
    area = np.trapezoid(y[inside], x[inside])
    if not inside.all():
        i = int(inside.sum())
        end = y[i - 1] + (y[i] - y[i - 1]) * (limit - x[i - 1]) / (x[i] - x[i - 1])
        area += (y[i - 1] + end) / 2 * (limit - x[i - 1])
    return area / limit


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.sampled_from([5, 1000]), st.sampled_from([0.05, 0.3, 1.0]))
def test_aupro_equals_its_definition_read_slowly(seed, levels, limit):
    rng = np.random.default_rng(seed)
    masks = ndimage.gaussian_filter(rng.normal(size=(3, 16, 20)), (0, 2, 2)) > 0.12
    masks[0, 3, 3], masks[1, 0, 0] = True, False
    maps = rng.integers(0, levels, masks.shape) / levels + 0.3 * masks
    found = aupro(ranks(maps, masks), region_weights(masks), limit)
    assert found == pytest.approx(slow_aupro(maps, masks, limit), abs=1e-9)


def test_aupro_of_planted_cases():
    masks = np.zeros((2, 20, 20), bool)
    masks[0, 2:4, 2:4] = masks[0, 10:18, 10:18] = True
    perfect = masks.astype(float)
    assert aupro(ranks(perfect, masks), region_weights(masks)) == pytest.approx(1)
    small_only = perfect.copy()
    small_only[0, 10:18, 10:18] = -1.0
    # The small region counts as much as the large one, whose pixels come last of all.
    assert aupro(ranks(small_only, masks), region_weights(masks)) == pytest.approx(0.5)
    flat = np.zeros_like(perfect)
    assert aupro(ranks(flat, masks), region_weights(masks)) == pytest.approx(0.15)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 30), st.integers(1, 30), st.floats(0.05, 0.95))
def test_regions_equal_scipys(seed, h, w, share):
    mask = np.random.default_rng(seed).random((h, w)) < share
    labels, count = label(mask)
    expected, expected_count = ndimage.label(mask, np.ones((3, 3)))
    assert count == expected_count
    assert len(set(zip(labels.ravel(), expected.ravel(), strict=True))) == count + (not mask.all())


def test_one_kind_alone_gives_none_and_means_skip_it():
    found = metrics(
        np.array([1.0, 2.0]), np.array([True, True]), np.zeros((0, 2, 2), np.float32), np.zeros((0, 2, 2))
    )
    assert all(found[key] is None for key in KEYS)
    whole = metrics(
        np.array([1.0, 2.0]),
        np.array([False, True]),
        np.arange(8.0).reshape(2, 2, 2),
        np.arange(8).reshape(2, 2, 2) > 5,
    )
    assert whole["image_auroc"] == whole["pixel_auroc"] == whole["aupro"] == 1
    assert mean([found, whole])["image_auroc"] == 1
    assert mean([found])["image_auroc"] is None
