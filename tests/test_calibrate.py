"""Thresholds, verdicts and masks; the promise, simulated."""

from __future__ import annotations

import numpy as np
import pytest

from psdl import calibrate
from psdl.types import Calibration, Score


def calibration(scores, alarm=0.1, **others):
    scores = np.sort(np.asarray(scores, float))
    limit = calibrate.order_statistic(scores, alarm)
    values = {"peak_threshold": limit, "pixel_threshold": limit / 2, "groups": len(scores)} | others
    return Calibration(scores=scores, alarm=alarm, threshold=limit, **values)


def test_the_promise_holds_for_exchangeable_scores():
    rng = np.random.default_rng(0)
    rejected = []
    for _ in range(4000):
        scores = rng.gamma(2, size=51)
        rejected.append(scores[-1] > calibrate.order_statistic(scores[:-1], 0.1))
    # ceil(51 * .9) = 46 of 50: a new score is above it with chance 5/51.
    assert np.mean(rejected) == pytest.approx(5 / 51, abs=0.015)


@pytest.mark.parametrize(
    ("n", "alarm", "place"), [(99, 0.01, 99), (100, 0.01, 100), (199, 0.01, 198), (9, 0.1, 9), (5, 0.1, 5)]
)
def test_the_order_statistic(n, alarm, place):
    assert calibrate.order_statistic(np.arange(1.0, n + 1), alarm) == place


def test_too_few_images_are_admitted_to():
    assert calibrate.attainable(19, 0.01) == 0.05
    words = calibrate.promise(calibration(np.arange(19.0), alarm=0.01, groups=7))[0]
    assert "at most 12.50%" in words  # 7 items, whatever the number of their pictures
    assert "19 held-out good images of 7 items" in words
    assert "1.00% was asked for and needs 99" in words
    assert "asked for" not in calibrate.promise(calibration(np.arange(99.0), alarm=0.01))[0]


def test_verdicts_and_p_values():
    known = calibration(np.arange(1.0, 20.0), alarm=0.1)
    assert known.threshold == 18
    assert calibrate.verdict(18.0, known).verdict == "OK"
    assert calibrate.verdict(18.1, known).verdict == "NG"
    assert calibrate.verdict(float("nan"), known).verdict == "NG"
    assert calibrate.verdict(100.0, known).p_value == 1 / 20
    assert calibrate.verdict(0.0, known).p_value == 1
    assert calibrate.verdict(18.0, known).p_value == 3 / 20


def test_calibration_takes_scores_one_at_a_time_or_all_at_once():
    rng = np.random.default_rng(1)
    maps = rng.gamma(2, size=(30, 16, 16)).astype(np.float32)
    whole = Score(maps, maps.max(axis=(1, 2)).astype(float), {})
    single = [Score(maps[n : n + 1], whole.image[n : n + 1], {}) for n in range(30)]
    a, b = calibrate.calibrate([whole], 0.1, range(30)), calibrate.calibrate(iter(single), 0.1, range(30))
    np.testing.assert_array_equal(a.scores, b.scores)
    assert (a.threshold, a.peak_threshold, a.pixel_threshold) == (b.threshold, b.peak_threshold, b.pixel_threshold)
    assert a.threshold == np.sort(whole.image)[27]


def test_a_mask_is_the_regions_whose_peak_passes():
    known = calibration([10.0] * 20, peak_threshold=10.0, pixel_threshold=5.0)
    values = np.zeros((12, 12), np.float32)
    values[1:4, 1:4] = 6
    values[2, 2] = 11
    values[8:11, 8:11] = 9
    mask = calibrate.defect_mask(values, known)
    assert mask.sum() == 9
    assert mask[1:4, 1:4].all()


def test_a_region_reaches_down_to_half_its_peak_but_leaves_nothing_high_out():
    known = calibration([10.0] * 20, peak_threshold=10.0, pixel_threshold=4.0)
    values = np.zeros((3, 12), np.float32)
    values[1, 1:11] = [4.5, 6, 9, 14, 5.5, 11, 60, 11, 9, 5]
    strong = calibrate.defect_mask(values, known)
    np.testing.assert_array_equal(np.nonzero(strong[1])[0], [4, 6, 7, 8])
    values[1, 7] = 13
    weaker = calibrate.defect_mask(values, known)
    np.testing.assert_array_equal(np.nonzero(weaker[1])[0], [3, 4, 6, 7, 8, 9])


def test_review_lies_between_good_and_rejected():
    known = calibration(np.arange(1.0, 101.0), alarm=0.02, review=0.1)
    assert calibrate.review_threshold(known) == 91
    said = [calibrate.verdict(score, known).verdict for score in (91.0, 91.5, 99.0, 99.5)]
    assert said == ["OK", "REVIEW", "REVIEW", "NG"]
    assert calibrate.verdict(1.0, known).review_threshold == 91
    assert calibrate.verdict(1.0, calibration(np.arange(1.0, 101.0))).review_threshold is None
    assert "REVIEW above 91: at most 10.00%" in calibrate.promise(known)[1]


def test_the_review_promise_holds_for_exchangeable_scores():
    rng = np.random.default_rng(3)
    seen = []
    for _ in range(2000):
        scores = rng.gamma(2, size=121)
        known = calibration(scores[:-1], alarm=0.01, review=0.1)
        seen.append(calibrate.verdict(scores[-1], known).verdict != "OK")
    assert np.mean(seen) == pytest.approx(12 / 121, abs=0.02)


def test_rates_and_thresholds_are_edited_and_a_hand_set_one_says_what_it_keeps():
    known = calibration(np.arange(1.0, 101.0), alarm=0.02, review=0.1)
    wider = calibrate.edited(known, 0.05, 0.1, None)
    assert (wider.threshold, wider.alarm, wider.review) == (96, 0.05, 0.1)
    by_hand = calibrate.edited(known, 0.02, 0.0, 80.5)
    assert (by_hand.threshold, by_hand.review) == (80.5, 0.0)
    assert by_hand.alarm == pytest.approx(21 / 101)
    assert "set by hand" in by_hand.origin
    np.testing.assert_array_equal(by_hand.scores, known.scores)


def test_agreement_tells_like_from_unlike_and_keeps_its_level():
    rng = np.random.default_rng(4)
    drawn = [(calibration(rng.gamma(2, size=200)), calibration(rng.gamma(2, size=60))) for _ in range(2000)]
    levels = [calibrate.alike(*pair) for pair in drawn]
    assert np.mean(np.array(levels) < 0.05) == pytest.approx(0.05, abs=0.015)
    old, new = rng.gamma(2, size=200), 1.5 * rng.gamma(2, size=60)
    from scipy.stats import mannwhitneyu

    expected = mannwhitneyu(old, new, method="asymptotic", use_continuity=False).pvalue
    assert calibrate.alike(calibration(old), calibration(new)) == pytest.approx(expected)
    ties = np.round(old), np.round(new)
    expected = mannwhitneyu(*ties, method="asymptotic", use_continuity=False).pvalue
    assert calibrate.alike(*map(calibration, ties)) == pytest.approx(expected)
    assert calibrate.alike(calibration(np.ones(5)), calibration(np.ones(5))) == 1
    known = calibration(old, alarm=0.01)
    assert "does not hold" in calibrate.agreement(known, calibration(3 * new))[0]
    assert "score like the images" in calibrate.agreement(known, calibration(old[:50]))[0]


def pictures_of(rng, items, each):
    """Scores of items with `each` pictures: alike within an item; and the item of each."""
    places = np.repeat(np.arange(items), each)
    return rng.gamma(2, size=items)[places] + 0.1 * rng.normal(size=items * each), places


def as_score(scores):
    return [Score(np.ones((len(scores), 4, 4), np.float32), scores, {})]


def test_pictures_count_as_parts_of_their_items():
    scores, items = np.array([5.0, 1, 2, 3, 4, 9]), ["a", "b", "b", "b", "b", "c"]
    known = calibrate.calibrate(as_score(scores), 0.5, items)
    assert known.groups == 3
    np.testing.assert_array_equal(known.weights, [0.25, 0.25, 0.25, 0.25, 1, 1])
    assert known.threshold == 5  # weighs 2 of 3 items, as (3 + 1)(1 - .5)
    assert calibrate.share_at_least(4.0, known) == (1 + 2.25) / 4
    assert calibrate.share_at_least(9.5, known) == 1 / 4


def test_the_promise_holds_for_items_with_several_pictures_and_not_when_they_are_ignored():
    rng = np.random.default_rng(5)
    rejected = {"items": [], "pictures": []}
    for _ in range(1500):
        scores, items = pictures_of(rng, 26, 5)
        known, new = items < 25, items == 25
        right = calibrate.calibrate(as_score(scores[known]), 0.05, items[known])
        wrong = calibrate.calibrate(as_score(scores[known]), 0.05, range(int(known.sum())))
        rejected["items"].append((scores[new] > right.threshold).mean())
        rejected["pictures"].append((scores[new] > wrong.threshold).mean())
    assert np.mean(rejected["items"]) <= 0.055
    assert np.mean(rejected["pictures"]) >= 0.06
