"""Shares of defects found and good images rejected: counted right, with intervals by item."""

from __future__ import annotations

import numpy as np
import pytest

from psdl._util.binomial import interval
from psdl.measure.found import above, found, means, oracle, share


def test_verdicts_are_counted_by_what_is_shown():
    verdicts = ["OK", "NG", "REVIEW", "NG", "OK", "REVIEW"]
    labels = np.array([0, 0, 0, 1, 1, 1], bool)
    row = found(verdicts, labels, list("abcdef"))
    assert [row[key]["share"] for key in row] == pytest.approx([1 / 3, 2 / 3, 1 / 3, 2 / 3])
    assert (row["found_ng"]["low"], row["found_ng"]["high"]) == interval(1, 3)
    assert row["found_ng"]["how"] == "Clopper-Pearson"
    assert found(["OK"], np.array([False]), ["a"])["found_ng"] is None
    assert means([row, {**row, "found_ng": None}])["found_ng"] == {"share": pytest.approx(1 / 3)}


def test_pictures_of_one_item_are_one_witness():
    """Forty pictures of four items say less than forty items: the interval is wider, and covers."""
    hits = np.repeat([True, False, True, False], 10)
    wide, narrow = share(hits, np.repeat(np.arange(4), 10)), share(hits, np.arange(40))
    assert (wide["items"], wide["how"]) == (4, "bootstrap over items")
    assert wide["low"] < narrow["low"] < 0.5 < narrow["high"] < wide["high"]
    none = share(np.zeros(40, bool), np.repeat(np.arange(4), 10))
    assert (none["low"], none["high"]) == interval(0, 4)


def test_the_bootstrap_over_items_covers_the_rate():
    rng, inside = np.random.default_rng(1), 0
    for _ in range(200):
        rates = rng.beta(2, 3, 40)
        hits = rng.random((40, 5)) < rates[:, None]
        row = share(hits.ravel(), np.repeat(np.arange(40), 5))
        inside += row["low"] <= 0.4 <= row["high"]
    assert inside >= 180


def test_thresholds_of_the_product_and_of_the_oracle():
    scores, bad = np.array([1.0, 2, 3, 4, 2.5, 9]), np.array([0, 0, 0, 0, 1, 1], bool)
    assert above(scores, bad, 3.5) == (0.5, 0.25)
    assert above(scores[:4], bad[:4], 3.5) == (None, 0.25)
    assert oracle(scores, bad, 0.3) == 0.5
    assert oracle(scores, bad, 0.8) == 1.0
    assert oracle(scores[:4], bad[:4], 0.8) is None
