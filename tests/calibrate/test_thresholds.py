"""Thresholds, verdicts and masks; the promise, simulated."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from psdl.calibrate import masks, thresholds
from psdl.calibrate.guarantee import agreement, promise
from psdl.report import tables
from psdl.types import Calibration, Rates, Sample, Score


def calibration(scores, false_reject=0.1, review=0.0, confidence=0.0, items=None, **others):
    """A calibration of these scores; every image its own item if `items` is None."""
    order = np.argsort(np.asarray(scores, float), kind="stable")
    scores = np.asarray(scores, float)[order]
    items = np.arange(len(scores), dtype=np.int32) if items is None else np.asarray(items, np.int32)[order]
    limit = thresholds.threshold_at(scores, items, false_reject, confidence)
    rates = Rates(false_reject, review, confidence)
    values = {
        "peak_threshold": limit,
        "peaks": scores,
        "pixels": np.linspace(scores.min(), scores.max(), len(thresholds.PIXEL_SHARES)),
        "review_threshold": thresholds.review_at(scores, items, rates, limit),
    }
    return Calibration(rates=rates, scores=scores, items=items, threshold=limit, **(values | others))


def test_the_promise_holds_for_exchangeable_scores():
    rng = np.random.default_rng(0)
    rejected = []
    for _ in range(4000):
        scores = rng.gamma(2, size=51)
        rejected.append(scores[-1] > thresholds.order_statistic(scores[:-1], 0.1))
    # ceil(51 * .9) = 46 of 50: a new score is above it with chance 5/51.
    assert np.mean(rejected) == pytest.approx(5 / 51, abs=0.015)


@pytest.mark.parametrize(
    ("n", "false_reject", "place"), [(99, 0.01, 99), (100, 0.01, 100), (199, 0.01, 198), (9, 0.1, 9), (5, 0.1, 5)]
)
def test_the_order_statistic(n, false_reject, place):
    assert thresholds.order_statistic(np.arange(1.0, n + 1), false_reject) == place


def test_too_few_images_are_admitted_to():
    assert thresholds.attainable(19, 0.01) == 0.05
    words = promise(calibration(np.arange(19.0), false_reject=0.01, items=np.arange(19) % 7))[0]
    assert "at most 12.50%" in words  # 7 items, whatever the number of their pictures
    assert "19 held-out good images of 7 items" in words
    assert "1.00% was asked for and needs 99" in words
    assert "asked for" not in promise(calibration(np.arange(99.0), false_reject=0.01))[0]


def test_verdicts_and_p_values():
    known = calibration(np.arange(1.0, 20.0), false_reject=0.1)
    assert known.threshold == 18
    assert thresholds.verdict(18.0, known).verdict == "OK"
    assert thresholds.verdict(18.1, known).verdict == "NG"
    for broken in ("nan", "inf", "-inf"):
        assert thresholds.verdict(float(broken), known).verdict == "NG"
    assert thresholds.verdict(100.0, known).p_value == 1 / 20
    assert thresholds.verdict(0.0, known).p_value == 1
    assert thresholds.verdict(18.0, known).p_value == 3 / 20


def calibrated(unseen, false_reject, groups):
    return thresholds.calibrate(unseen, Rates(false_reject), list(groups))


def test_calibration_takes_scores_one_at_a_time_or_all_at_once():
    rng = np.random.default_rng(1)
    maps = rng.gamma(2, size=(30, 16, 16)).astype(np.float32)
    whole = Score(maps, maps.max(axis=(1, 2)).astype(float))
    single = [Score(maps[n : n + 1], whole.image[n : n + 1]) for n in range(30)]
    a, b = calibrated([whole], 0.1, range(30)), calibrated(iter(single), 0.1, range(30))
    np.testing.assert_array_equal(a.scores, b.scores)
    assert (a.threshold, a.peak_threshold) == (b.threshold, b.peak_threshold)
    np.testing.assert_array_equal(a.pixels, b.pixels)
    assert a.pixels[0] == maps[:, ::4, ::4].min()
    assert masks.pixel_threshold(a) == pytest.approx(np.quantile(maps[:, ::4, ::4], 0.9), rel=0.05)
    assert a.threshold == np.sort(whole.image)[27]


def test_a_mask_is_the_regions_whose_peak_passes():
    known = calibration([10.0] * 20, peak_threshold=10.0, pixels=np.full(9, 5.0))
    values = np.zeros((12, 12), np.float32)
    values[1:4, 1:4] = 7
    values[2, 2] = 11
    values[8:11, 8:11] = 9
    mask = masks.defect_mask(values, known)
    assert mask.sum() == 9
    assert mask[1:4, 1:4].all()


def test_a_region_reaches_down_to_a_share_of_its_peak_and_a_weaker_one_on_its_foot_has_its_own():
    known = calibration([10.0] * 20, peak_threshold=10.0, pixels=np.full(9, 4.0))
    values = np.zeros((3, 12), np.float32)
    values[1, 1:11] = [4.5, 6, 9, 14, 5.5, 11, 60, 11, 9, 5]
    strong = masks.defect_mask(values, known)
    np.testing.assert_array_equal(np.nonzero(strong[1])[0], [3, 4, 7])
    values[1, 6:9] = [31, 60, 29]  # never left out: what is above three times the peak threshold
    np.testing.assert_array_equal(np.nonzero(masks.defect_mask(values, known)[1])[0], [3, 4, 6, 7])
    values[1, 6:9] = [11, 13, 11]
    weaker = masks.defect_mask(values, known)
    np.testing.assert_array_equal(np.nonzero(weaker[1])[0], [3, 4, 6, 7, 8, 9])


def test_review_lies_between_good_and_rejected():
    known = calibration(np.arange(1.0, 101.0), false_reject=0.02, review=0.1)
    assert known.review_threshold == 91
    said = [thresholds.verdict(score, known).verdict for score in (91.0, 91.5, 99.0, 99.5)]
    assert said == ["OK", "REVIEW", "REVIEW", "NG"]
    assert thresholds.verdict(1.0, known).review_threshold == 91
    assert thresholds.verdict(1.0, calibration(np.arange(1.0, 101.0))).review_threshold is None
    assert "REVIEW above 91: at most 10.00%" in promise(known)[1]


def test_the_review_promise_holds_for_exchangeable_scores():
    rng = np.random.default_rng(3)
    seen = []
    for _ in range(2000):
        scores = rng.gamma(2, size=121)
        known = calibration(scores[:-1], false_reject=0.01, review=0.1)
        seen.append(thresholds.verdict(scores[-1], known).verdict != "OK")
    assert np.mean(seen) == pytest.approx(12 / 121, abs=0.02)


def test_rates_and_thresholds_are_edited_and_a_hand_set_one_says_what_it_keeps():
    known = calibration(np.arange(1.0, 101.0), false_reject=0.02, review=0.1)
    wider = thresholds.edited(known, Rates(0.05, 0.1), None)
    assert (wider.threshold, wider.rates) == (96, Rates(0.05, 0.1))
    by_hand = thresholds.edited(known, Rates(0.02), 80.5)
    assert (by_hand.threshold, by_hand.rates.review) == (80.5, 0.0)
    assert by_hand.rates.false_reject == pytest.approx(21 / 101)
    assert "set by hand" in by_hand.origin
    assert thresholds.edited(by_hand, Rates(0.05), None).origin == known.origin
    np.testing.assert_array_equal(by_hand.scores, known.scores)


def test_agreement_tells_like_from_unlike_and_keeps_its_level():
    rng = np.random.default_rng(4)
    drawn = [(calibration(rng.gamma(2, size=200)), calibration(rng.gamma(2, size=60))) for _ in range(2000)]
    levels = [thresholds.alike(*pair) for pair in drawn]
    assert np.mean(np.array(levels) < 0.05) == pytest.approx(0.05, abs=0.015)
    old, new = rng.gamma(2, size=200), 1.5 * rng.gamma(2, size=60)
    from scipy.stats import mannwhitneyu

    expected = mannwhitneyu(old, new, method="asymptotic", use_continuity=False).pvalue
    assert thresholds.alike(calibration(old), calibration(new)) == pytest.approx(expected)
    ties = np.round(old), np.round(new)
    expected = mannwhitneyu(*ties, method="asymptotic", use_continuity=False).pvalue
    assert thresholds.alike(*map(calibration, ties)) == pytest.approx(expected)
    assert thresholds.alike(calibration(np.ones(5)), calibration(np.ones(5))) == 1
    known = calibration(old, false_reject=0.01)
    assert "does not hold" in agreement(known, calibration(3 * new))[0]
    assert "score like the images" in agreement(known, calibration(old[:50]))[0]


def pictures_of(rng, items, each):
    """Scores of items with `each` pictures: alike within an item; and the item of each."""
    places = np.repeat(np.arange(items), each)
    return rng.gamma(2, size=items)[places] + 0.1 * rng.normal(size=items * each), places


def as_score(scores):
    return [Score(np.ones((len(scores), 4, 4), np.float32), scores)]


def test_pictures_count_as_parts_of_their_items():
    scores, items = np.array([5.0, 1, 2, 3, 4, 9]), ["a", "b", "b", "b", "b", "c"]
    known = calibrated(as_score(scores), 0.5, items)
    assert known.groups == 3
    np.testing.assert_array_equal(thresholds.weights(known.items), [0.25, 0.25, 0.25, 0.25, 1, 1])
    assert known.threshold == 5  # weighs 2 of 3 items, as (3 + 1)(1 - .5)
    assert thresholds.share_at_least(4.0, known) == (1 + 2.25) / 4
    assert thresholds.share_at_least(9.5, known) == 1 / 4


def test_the_promise_holds_for_items_with_several_pictures_and_not_when_they_are_ignored():
    rng = np.random.default_rng(5)
    rejected = {"items": [], "pictures": []}
    for _ in range(1500):
        scores, items = pictures_of(rng, 26, 5)
        known, new = items < 25, items == 25
        right = calibrated(as_score(scores[known]), 0.05, items[known])
        wrong = calibrated(as_score(scores[known]), 0.05, range(int(known.sum())))
        rejected["items"].append((scores[new] > right.threshold).mean())
        rejected["pictures"].append((scores[new] > wrong.threshold).mean())
    assert np.mean(rejected["items"]) <= 0.055
    assert np.mean(rejected["pictures"]) >= 0.06


@pytest.mark.parametrize(
    ("false_reject", "count"), [(0.1, 29), (0.05, 59), (0.02, 149), (0.01, 299), (0.005, 598)]
)
def test_how_many_items_a_tolerance_bound_needs(false_reject, count):
    """The figures that the field quotes for 95 % confidence and the largest score (Wilks 1941)."""
    assert thresholds.needed(false_reject, 0.95) == count
    assert thresholds.attainable(count, false_reject, 0.95) == false_reject
    assert thresholds.attainable(count - 1, false_reject, 0.95) > false_reject
    assert thresholds.bound(np.arange(1.0, count + 1), false_reject, 0.95) == count
    assert thresholds.bound(np.arange(1.0, 3 * count + 1), false_reject, 0.95) < 3 * count


def test_a_tolerance_bound_keeps_its_rate_with_its_confidence():
    rng = np.random.default_rng(6)
    kept = []
    for _ in range(3000):
        limit = thresholds.bound(np.sort(rng.uniform(size=100)), 0.1, 0.9)
        kept.append(1 - limit <= 0.1)  # of uniform scores the share 1 - limit lies above
    assert np.mean(kept) >= 0.89
    assert np.mean(kept) <= 0.97


def test_with_confidence_items_count_by_their_worst_picture():
    known = calibration([1.0, 9, 2, 8, 3, 7], false_reject=0.4, confidence=0.35, items=[0, 0, 1, 1, 2, 2])
    np.testing.assert_array_equal(thresholds.largest(known.scores, known.items), [7, 8, 9])
    assert known.threshold == 8  # P(at most 1 of 3 with chance .6) = .352, P(at most 2) = .784
    words = promise(calibration(np.arange(20.0), false_reject=0.01, confidence=0.95))[0]
    assert "with 95% confidence at most 13.91% of new good items" in words
    assert "1.00% was asked for and needs 299 items" in words


def test_a_part_of_several_pictures_gets_one_verdict_at_a_joint_rate():
    rng = np.random.default_rng(7)
    views = {"joint": [], "each": []}
    for _ in range(2000):
        scores = rng.gamma(2, size=(41, 3)) * [1, 2, 3]
        known = calibration(scores[:40].ravel(), false_reject=0.1, items=np.repeat(np.arange(40), 3))
        views["joint"].append(thresholds.joint(scores[40], known).verdict == "NG")
        views["each"].append(any(thresholds.verdict(s, known).verdict == "NG" for s in scores[40]))
    assert np.mean(views["joint"]) == pytest.approx(4 / 41, abs=0.02)
    assert np.mean(views["each"]) > 0.13
    single = calibration(rng.gamma(2, size=199), false_reject=0.1)
    rejected = [thresholds.joint(rng.gamma(2, size=4), single).verdict == "NG" for _ in range(2000)]
    assert 0.05 < np.mean(rejected) <= 0.1 + 0.02  # Bonferroni: each picture a quarter of the rate
    assert thresholds.joint([99.0, 0.0], single).p_value == 2 / 200


def test_rarity_is_the_share_of_good_pixels_above():
    rng = np.random.default_rng(8)
    maps = rng.gamma(2, size=(60, 32, 32)).astype(np.float32)
    known = calibrated([Score(maps, maps.max(axis=(1, 2)).astype(float))], 0.1, range(60))
    assert len(known.pixels) == 1 + int(8 * np.log10(60 * 64))  # as rare as 3840 pixels can tell
    probe = np.quantile(maps[:, ::4, ::4], [0.5, 0.9, 0.99]).astype(np.float32)[None]
    np.testing.assert_allclose(masks.rarity(probe, known)[0], [0.301, 1, 2], atol=0.03)
    assert masks.rarity(np.float32([[-1, 1e9]]), known)[0].tolist() == pytest.approx([0, 3.5])
    assert np.isnan(masks.rarity(np.float32([[np.nan]]), known)[0, 0])


def test_a_part_is_defective_by_one_of_its_pictures_although_another_has_no_label():
    known = calibration(np.arange(1.0, 20.0))
    result = SimpleNamespace(score=3.0, calibration=known)
    labels = {"a": [0, 0], "b": [0, None], "c": [None, 1]}
    judged = [
        (Sample(f"{part}{n}", f"{part}{n}", "c", label=label, part=part), result)
        for part, some in labels.items()
        for n, label in enumerate(some)
    ]
    assert [row["label"] for row in tables.part_rows(judged)] == [0, None, 1]
