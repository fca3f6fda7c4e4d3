"""Known defects against good images: the optimum is found, good images stay unseen, the promise is kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from psdl import PsdlError
from psdl.calibrate.thresholds import calibrate, threshold_at
from psdl.model.known import Known
from psdl.model.model import Model
from psdl.model.recipes import FAST
from psdl.scoring.known import brought, decided, known_score
from psdl.training import known as training
from psdl.training.defects import joined, learn_known
from psdl.training.known import Images, fitted
from psdl.training.lesson import regression, words
from psdl.types import Origin, Rates, Score

BLOCKS = (12, 20)
D = sum(BLOCKS) + 1


def drawn(rng: np.random.Generator, items: int, pictures: int = 1, shift: float = 0.0) -> Images:
    """Images whose first five averages lie `shift` aside; pictures of one item resemble each other."""
    own = np.repeat(rng.normal(size=(items, D)), pictures, axis=0)
    values = own + 0.3 * rng.normal(size=own.shape)
    values[:, :5] += shift
    values[:, -1] = np.abs(values[:, -1])
    anomaly = np.exp(0.3 * rng.normal(size=len(values)) + 0.1 * shift) * 5
    return Images(anomaly, values.astype(np.float16), np.repeat(np.arange(items), pictures))


def model_of(good: Images, names: str = "good") -> Model:
    """A model that holds these good images as if unseen, and nothing that judges."""
    scores = [Score(np.full((1, 4, 4), a, np.float32), np.array([a])) for a in good.anomaly]
    origins = [Origin(f"{names}{n}", f"{names}{n}") for n in range(len(good.anomaly))]
    calibration = calibrate(scores, Rates(0.02, 0.1), good.items.tolist(), origins, good.averages)
    return Model(FAST, None, {}, calibration, ("c",), averages=_Averages())  # type: ignore[arg-type]


class _Averages:
    """Of a real one only the lengths of the blocks are read."""

    blocks = BLOCKS


def known_of(images: Images, kinds: tuple[str, ...] = ()) -> Known:
    count = len(images.anomaly)
    return Known(
        images.anomaly,
        images.averages,
        np.zeros((count, 2), np.float32),
        images.items.astype(np.int32),
        kinds or ("dent",) * count,
        tuple(Origin(f"bad{n}", f"bad{n}") for n in range(count)),
    )


def test_newton_ends_where_nothing_can_be_gained():
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.normal(size=(60, 4)), np.ones(60)])
    sign, share = np.where(x[:, 0] + rng.normal(size=60) > 0, 1.0, -1.0), np.full(60, 1 / 60)
    target = np.array([0, 0, 0, 1.0, 0])
    w = training._newton(x, sign, share, target)
    chance = 1 / (1 + np.exp(sign * (x @ w)))
    slope = -x.T @ (share * sign * chance)
    slope[:-1] += training.RIDGE * (w - target)[:-1]
    np.testing.assert_allclose(slope, 0, atol=1e-6)


def test_new_images_are_judged_by_the_mean_of_the_folds_in_units_of_the_anomaly_score():
    rng = np.random.default_rng(1)
    good, bad = drawn(rng, 120), drawn(rng, 10, shift=3.0)
    found = fitted(good, bad, BLOCKS)
    new, more = drawn(rng, 200), drawn(rng, 50, shift=3.0)
    ordinary = known_score(new.anomaly, new.averages, found.classifier)
    strange = known_score(more.anomaly, more.averages, found.classifier)
    assert np.mean(strange[:, None] > ordinary) > 0.97
    assert np.mean(more.anomaly[:, None] > new.anomaly) < 0.9  # it was no matter of the anomaly score
    assert abs(np.median(np.log(ordinary)) - np.median(np.log(new.anomaly))) < 0.3
    assert np.all(np.diff(brought(np.linspace(-50, 50, 99), found.classifier)) >= 0)
    alone = [decided(new.anomaly[n : n + 1], new.averages[n : n + 1], found.classifier)[0] for n in range(20)]
    np.testing.assert_array_equal(alone, decided(new.anomaly[:20], new.averages[:20], found.classifier))


def test_a_good_image_has_no_share_in_what_judges_it():
    """Good images that are labelled wrongly look like defects when their item is left out, not otherwise."""
    rng = np.random.default_rng(2)
    good, bad = drawn(rng, 100), drawn(rng, 10, shift=4.0)
    odd = drawn(rng, 1, 3, shift=4.0)
    both = Images(
        np.append(good.anomaly, odd.anomaly),
        np.concatenate([good.averages, odd.averages]),
        np.append(good.items, 100 + odd.items),
    )
    decided_so = fitted(both, bad, BLOCKS).decided
    assert np.all(decided_so[-3:] > np.quantile(decided_so[:-3], 0.98))


@pytest.mark.parametrize("shift", [0.0, 2.5])
def test_the_promise_is_kept_with_known_defects(shift):
    """Over many draws new good items are rejected as promised, whether the defects can be learned or not."""
    rates = []
    for seed in range(25):
        rng = np.random.default_rng(seed)
        good, bad = drawn(rng, 120, 2), drawn(rng, 8, shift=shift)
        found = fitted(good, bad, BLOCKS)
        scores = np.maximum(good.anomaly, found.good)
        limit = threshold_at(scores, good.items.astype(np.int32), 0.05)
        new = drawn(rng, 300)
        joint = np.maximum(new.anomaly, known_score(new.anomaly, new.averages, found.classifier))
        rates.append(np.mean(joint > limit))
    assert np.mean(rates) < 0.05 + 2 * np.std(rates) / np.sqrt(len(rates))
    assert np.mean(rates) > 0.01


def test_it_is_used_only_where_defects_left_out_gain():
    rng = np.random.default_rng(3)
    model = model_of(drawn(rng, 120))
    helped = learn_known(model, known_of(drawn(rng, 10, shift=3.0)))
    assert helped.lesson.used
    assert helped.lesson.found.ng_with > helped.lesson.found.ng
    assert helped.model.classifier is not None
    not_helped = learn_known(model, known_of(drawn(rng, 10)))
    assert not not_helped.lesson.used
    assert not_helped.model.classifier is None
    assert not_helped.model.calibration.threshold == model.calibration.threshold
    assert "not used" in "\n".join(words(not_helped.lesson, ["x"] * 10))


def test_kinds_are_told_apart_known_and_unknown():
    rng = np.random.default_rng(4)
    a, b = drawn(rng, 8, shift=4.0), drawn(rng, 8)
    b.averages[:, 6:11] += 4
    both = Images(
        np.append(a.anomaly, b.anomaly), np.concatenate([a.averages, b.averages]), np.append(a.items, 8 + b.items)
    )
    lesson = learn_known(model_of(drawn(rng, 150)), known_of(both, ("dent",) * 8 + ("scratch",) * 8)).lesson
    assert set(lesson.kinds) == set(lesson.unknown) == {"dent", "scratch"}
    assert all(one.count == 8 for one in lesson.kinds.values())
    assert lesson.unknown["dent"].ng_with < lesson.kinds["dent"].ng_with
    assert sum(one.ng_with for one in lesson.kinds.values()) == lesson.found.ng_with


def test_another_session_and_doubtful_labels_are_said():
    rng = np.random.default_rng(5)
    good = drawn(rng, 120)
    bad = drawn(rng, 10, shift=3.0)
    bad.averages[:, -1] += 9
    lesson = learn_known(model_of(good), known_of(bad)).lesson
    assert lesson.sessions["calmer half"] < 1e-4
    assert "another session" in "\n".join(words(lesson, ["x"] * 10))
    fine, odd = drawn(rng, 1), drawn(rng, 9, shift=3.0)
    mixed = Images(
        np.append(fine.anomaly * 0.1, odd.anomaly), np.concatenate([fine.averages, odd.averages]), np.arange(10)
    )
    lesson = learn_known(model_of(good), known_of(mixed)).lesson
    assert 0 in lesson.like_good


def test_what_cannot_be_told_is_refused():
    rng = np.random.default_rng(6)
    bad = known_of(drawn(rng, 5, shift=3.0))
    with pytest.raises(PsdlError, match="60 good images are too few"):
        learn_known(model_of(drawn(rng, 60)), bad)
    separate = model_of(drawn(rng, 60))
    separate = replace(separate, calibration=replace(separate.calibration, origin="60 separate good images"))
    assert learn_known(separate, bad).model.defects is not None
    with pytest.raises(PsdlError, match="2 known defects are too few"):
        learn_known(model_of(drawn(rng, 120)), known_of(drawn(rng, 2)))
    with pytest.raises(PsdlError, match="bad0 is given as a defect, but bad0 is the same picture"):
        learn_known(model_of(drawn(rng, 120), "bad"), bad)


def test_known_defects_test_later_thresholds():
    rng = np.random.default_rng(7)
    model = learn_known(model_of(drawn(rng, 120)), known_of(drawn(rng, 6, shift=3.0))).model
    higher = replace(model, calibration=replace(model.calibration, threshold=1e9, review_threshold=1e9))
    assert regression(model, model)[0].startswith("known defects: of 6 ")
    assert "OK now: bad0, bad1" in regression(model, higher)[1]
    assert regression(replace(model, defects=None), model) == []


def test_defects_that_are_named_again_are_known_once():
    rng = np.random.default_rng(8)
    old = known_of(drawn(rng, 4))
    new = replace(known_of(drawn(rng, 2)), images=(Origin("bad1", "bad1"), Origin("bad9", "bad9")))
    both = joined(old, new)
    assert [where.name for where in both.images] == ["bad0", "bad2", "bad3", "bad1", "bad9"]
    assert both.items.tolist() == [0, 2, 3, 4, 5]
    assert joined(None, new) is new
