"""Folds by group, and distances of images that the state has not seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import psdl
from psdl import Detector
from psdl.scoring import normalise
from psdl.training import crossval, train
from psdl.types import Coded, Grid, Part, Recipe, State
from tests import parts


@given(st.lists(st.integers(0, 9), min_size=2, max_size=60), st.integers(2, 6), st.integers(0, 99))
def test_groups_stay_whole_and_no_fold_is_empty(groups, count, seed):
    names = [str(g) for g in groups]
    fold = crossval.folds(names, count, seed)
    for name in set(names):
        assert len({int(f) for f, n in zip(fold, names, strict=True) if n == name}) == 1
    assert set(fold) == set(range(min(count, len(set(names)))))
    np.testing.assert_array_equal(fold, crossval.folds(names, count, seed))


def test_folds_of_single_images_are_even_and_drawn_by_seed():
    names = [f"#{i}" for i in range(31)]
    sizes = np.bincount(crossval.folds(names, 3, 0))
    assert sorted(sizes) == [10, 10, 11]
    assert (crossval.folds(names, 3, 0) != crossval.folds(names, 3, 1)).any()


def test_an_images_distance_does_not_change_when_the_image_does():
    """The state that judges an image must not depend on it."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(9, 4))
    fold = crossval.folds([f"#{i}" for i in range(9)], 3, 0)

    def distances(data):
        return crossval.judged(
            lambda rows: data[rows].mean(axis=0),
            lambda state, rows: Coded(np.tile(state, (len(rows), 1))),
            fold,
        ).distance

    changed = values.copy()
    changed[5] += 100
    before, after = distances(values), distances(changed)
    same_fold = fold == fold[5]
    np.testing.assert_array_equal(before[same_fold], after[same_fold])
    assert (before[~same_fold] != after[~same_fold]).all()
    assert before == pytest.approx(np.stack([values[fold != f].mean(axis=0) for f in fold]), rel=1e-6)


def test_statistics_of_many_images_are_the_positions_own_and_may_be_drawn_to_their_means():
    rng = np.random.default_rng(0)
    distances = (rng.normal(size=(4000, 2)) * [1, 4] + [10, 20]).astype(np.float32)
    own = normalise.statistics(distances)
    assert own.mean == pytest.approx([10, 20], abs=0.2)
    assert own.scale == pytest.approx([1, 4], rel=0.05)
    drawn = normalise.statistics(distances, shrink=0.5)
    assert drawn.mean == pytest.approx([12.5, 17.5], abs=0.1)
    assert drawn.scale == pytest.approx([2**0.5, 8**0.5], rel=0.05)


@pytest.mark.parametrize("count", [5, 10, 20, 50, 500])
def test_a_new_images_distance_has_one_tail_however_few_images_it_is_measured_by(count):
    """Means and deviations that differ between positions: those of few images are drawn together just so far that
    a new image's measured distances keep a deviation of 1 and few outliers."""
    rng = np.random.default_rng(1)
    centre, spread = rng.normal(5, 0.7, 2000), np.exp(rng.normal(0, 0.2, 2000))
    good, fresh = (rng.normal(size=(n, 2000)) * spread + centre for n in (count, 50))
    found = normalise.statistics(good.astype(np.float32)).measure(fresh.astype(np.float32))
    assert found.std() == pytest.approx(1, abs=0.1)
    assert 2.7 < np.quantile(found, 0.999) < 3.8
    plain = (fresh - good.mean(axis=0)) / good.std(axis=0)
    assert np.quantile(plain, 0.999) > np.quantile(found, 0.999)


def test_positions_that_do_not_differ_share_one_mean_and_one_deviation():
    rng = np.random.default_rng(2)
    found = normalise.statistics(rng.normal(7, 2, size=(6, 3000)).astype(np.float32))
    assert found.mean.std() < 0.15
    assert found.scale == pytest.approx(np.full(3000, 2.0), rel=0.1)


def test_a_folds_distances_are_measured_by_the_other_folds():
    rng = np.random.default_rng(1)
    distances = rng.gamma(3, size=(30, 5)).astype(np.float32)
    fold = np.arange(30) % 3
    changed = distances.copy()
    changed[fold == 0] += 50
    before, after = crossval.measured(distances, fold), crossval.measured(changed, fold)
    expected = normalise.statistics(distances[fold != 0])
    np.testing.assert_array_equal(before[fold == 0], expected.measure(distances[fold == 0]))
    assert (after[fold == 0] > before[fold == 0] + 5).all()
    assert (before[fold == 1] != after[fold == 1]).any()


def test_constant_distances_have_a_scale():
    found = normalise.statistics(np.zeros((5, 3), np.float32))
    assert np.isfinite(found.measure(np.ones((1, 3), np.float32))).all()


def test_two_images_have_statistics():
    distances = np.array([[1, 2, 3, 4], [2, 3, 4, 9]], np.float32)
    found = normalise.statistics(distances)
    assert np.isfinite(found.mean).all()
    assert (found.scale > 0.3).all()
    assert np.abs(crossval.measured(distances, np.array([0, 1]))).max() < 100


def test_an_image_is_judged_without_the_patches_that_were_cut_from_it():
    arrays = {"dictionary": np.ones((6, 3), np.float16), "source": np.array([0, 0, 1, 2, 2, 3])}
    kept = crossval.without(State(Grid(1, 1, (8, 8)), arrays), np.array([True, False, True, False]))
    np.testing.assert_array_equal(kept.arrays["dictionary"].any(axis=1), [False, False, True, False, False, True])
    bound = {"dictionary": np.ones((2, 2, 3), np.float16), "source": np.array([[0, 1], [1, 1]])}
    kept = crossval.without(State(Grid(1, 2, (8, 8)), bound), np.array([True, False]))
    np.testing.assert_array_equal(kept.arrays["dictionary"].any(axis=2), [[False, True], [True, True]])


def test_what_is_explained_is_a_share_of_energy_and_never_negative():
    norm = np.full((5, 3), 2.0, np.float32)
    assert crossval.explained(norm / 2, norm) == pytest.approx(0.75)
    assert crossval.explained(norm * 2, norm) == 0.0


def test_a_part_that_explains_nothing_falls_silent_and_others_share_its_weight():
    norm = np.ones((5, 3), np.float32)
    half, none = (crossval.explained(norm * r, norm) for r in (0.5**0.5, 1.2))
    recipe = Recipe(
        "r", "none", tuple(Part(name, ("layer3",), "exemplars") for name in "ab"), explained=(1.0, 1.0)
    )

    def weights(a, b):
        return [part.weight for part in train._weighted(recipe, {"a": a, "b": b}).parts]

    a, b = weights(half, none)
    assert a == pytest.approx(2)
    assert b == pytest.approx(0, abs=1e-5)
    assert set(weights(none, none)) == {1}


def test_what_a_part_explains_counts_more_in_the_map_than_in_the_image_score():
    both = tuple(Part(name, ("layer3",), "shared") for name in "ab")
    recipe = Recipe("r", "none", both, explained=(1.0, 3.0), image_explained=(2.0, 1.0))
    a, b = train._weighted(recipe, {"a": 0.5, "b": 0.4}).parts
    assert b.weight / a.weight == pytest.approx(3 * 0.8**train.MAP_TRUST)
    assert b.image_weight / a.image_weight == pytest.approx(0.8**train.TRUST / 2)
    assert train.MAP_TRUST > train.TRUST


def test_only_recipes_that_ask_for_it_have_their_parts_weighted(tmp_path):
    rng = np.random.default_rng(5)
    files = [parts.save(parts.good(rng), tmp_path / f"{n}.png") for n in range(6)]
    base = psdl.recipe("default")
    asked = Detector(base).fit(files)
    weights = [part.weight for part in asked.model.recipe.parts]
    assert sum(weights) == pytest.approx(3)
    assert weights[2] == 0 < asked.model.recipe.parts[2].image_weight
    assert len(set(weights)) > 2
    assert [p.weight for p in asked.fit(files).model.recipe.parts] == weights
    unasked = Detector(replace(base, explained=())).fit(files)
    assert {part.weight for part in unasked.model.recipe.parts} == {1}


def test_positions_count_less_where_they_mislead():
    rng = np.random.default_rng(0)
    fold = np.arange(60) % 3
    aligned = np.abs(rng.normal(size=(60, 100)) + np.linspace(2, 6, 100)).astype(np.float32)
    places = rng.integers(0, 60, 60)
    unaligned = rng.normal(size=(60, 100)).astype(np.float32) / 10
    for row, place in zip(unaligned, places, strict=True):  # an object of 40 cells on a quiet background
        row[place : place + 40] += 5
    unaligned[:, :50] = np.where(rng.random((60, 1)) < 0.95, rng.normal(size=(60, 50)) / 10, unaligned[:, :50])
    assert crossval.shrinkage(aligned, fold) < 0.5
    assert crossval.shrinkage(unaligned, fold) > 0.8
    assert crossval.shrinkage(np.ones((9, 4), np.float32), np.arange(9) % 3) > 0.7


def test_few_images_have_to_show_that_positions_matter():
    rng = np.random.default_rng(0)
    aligned = (rng.normal(size=(500, 100)) + np.linspace(2, 6, 100)).astype(np.float32)
    found = [crossval.shrinkage(aligned[:n], np.arange(n) % 5) for n in (10, 30, 100, 500)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 0.7
    assert found[-1] < 0.25
