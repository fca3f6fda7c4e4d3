"""One good item that is unlike all others does not set the threshold, and it is said aloud."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from psdl.calibrate import thresholds
from psdl.calibrate.guarantee import promise
from psdl.calibrate.strange import strange
from psdl.types import Origin, Rates
from tests.calibrate.test_thresholds import calibration


def items(count, each=1):
    return np.repeat(np.arange(count, dtype=np.int32), each)


def test_an_item_far_beyond_the_others_is_left_out_with_all_its_pictures():
    scores = np.append(np.linspace(1, 2, 58), [1.2, 30.0])
    of = np.repeat(items(30), 2)
    out = strange(scores, of)
    assert list(np.nonzero(out)[0]) == [58, 59]
    assert thresholds.threshold_at(scores, of, 0.01) == 2
    assert thresholds.threshold_at(scores, of, 0.01, confidence=0.9) == 30


@pytest.mark.parametrize(
    "scores",
    [
        np.append(np.linspace(1, 2, 8), 30.0),  # too few to say what is usual
        np.linspace(1, 2, 40),
        np.append(np.ones(30), 1.1),  # no spread to measure by
        np.random.default_rng(0).gamma(3, size=200),
    ],
)
def test_where_none_is_strange_the_threshold_is_as_before(scores):
    of = items(len(scores))
    assert not strange(scores, of).any()
    assert thresholds.threshold_at(scores, of, 0.1) == thresholds.order_statistic(scores, 0.1)


def test_at_most_one_item_in_twenty_is_left_out():
    scores = np.append(np.linspace(1, 2, 37), [50.0, 55.0, 60.0])
    assert strange(scores, items(40)).sum() == 2


def test_what_is_left_out_is_named_and_counts_in_the_promise():
    scores = np.append(np.linspace(1, 2, 199), 30.0)
    known = calibration(scores, 0.01, images=tuple(Origin(f"{n}.png", "") for n in range(200)))
    said = promise(known)
    assert known.threshold < 2
    assert "at most 1.49%" in said[0]  # one in 201, and 1 % of the 200 others
    assert "(199.png), up to 30" in said[1]
    assert len(promise(calibration(scores[:-1], 0.01))) == 1


@pytest.mark.parametrize(("count", "rate"), [(30, 0.01), (200, 0.01), (200, 0.05)])
def test_the_promise_holds_where_a_few_good_items_are_strange(count, rate):
    rng, rejected, promised = np.random.default_rng(1), [], []
    for _ in range(3000):
        scores = rng.gamma(4, size=count + 1) * np.where(rng.random(count + 1) < 0.005, 6, 1)
        of = items(count)
        limit = thresholds.threshold_at(scores[:-1], of, rate)
        rejected.append(scores[-1] > limit)
        out = int(strange(scores[:-1], of).sum())
        promised.append(thresholds.attainable(count, rate, 0.0, out))
    assert np.mean(rejected) < np.mean(promised) + 3 * np.sqrt(np.mean(promised) / 3000)


def test_what_a_person_confirmed_counts():
    known = calibration(np.append(np.linspace(1, 2, 29), 30.0), 0.01)
    assert known.threshold == 2
    confirmed = thresholds.edited(replace(known, confirmed=True), known.rates, None)
    assert confirmed.threshold == 30
    assert len(promise(confirmed)) == 1
    assert thresholds.joint([29.0], known).verdict == "NG"
    assert thresholds.joint([29.0], confirmed).verdict == "OK"


def test_what_a_person_confirmed_counts_for_review_too():
    known = calibration(np.append(np.linspace(1, 2, 29), 30.0), 0.01)
    known = thresholds.edited(known, Rates(0.01, 0.03), None)
    assert known.review_threshold == 2
    confirmed = thresholds.edited(replace(known, confirmed=True), known.rates, None)
    assert confirmed.review_threshold == 30
    joined = thresholds.extended(known, confirmed, "more")
    assert joined.confirmed
