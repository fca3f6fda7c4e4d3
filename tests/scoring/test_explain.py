"""Reasons: signals built to be strange in their code or in their residual, and a region on a real model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from psdl import Detector
from psdl.features.store import Store
from psdl.methods import base
from psdl.model.model import Model
from psdl.scoring import explain, normalise
from psdl.types import Coded, Geometry, Grid, Network, Origin, Part, Recipe, Region, Signals
from tests import parts
from tests.calibrate.test_thresholds import calibration

GRID = Grid(4, 4, (64, 64))
GEOMETRY = Geometry((64, 64), (0, 0, 64, 64), (64, 64), (0, 0, 64, 64))
PLACE = 6  # row 1, column 2
PARAMS = {"exemplars": {"atoms": 30, "sparsity": 4, "whiten": 0.0}, "paper": {"sparsity": 0.25, "rounds": 5}}


def good_signals(rng, basis, images):
    values = np.einsum("npk,pkf->npf", rng.uniform(0.5, 1, size=(images, GRID.positions, 3)), basis)
    return (values + 0.02 * rng.normal(size=values.shape)).astype(np.float32)


def reason_for(name, change):
    """The reason that a method gives for one image whose signal at PLACE is changed."""
    rng = np.random.default_rng(0)
    basis = np.abs(rng.normal(size=(GRID.positions, 3, 25)))
    part = Part("only", ("layer3",), name, PARAMS[name])
    method = base.load(name)
    with Store(60, GRID, 25) as store:
        for n, values in enumerate(good_signals(rng, basis, 60)):
            store.write(n, Signals(values[None], GRID))
        params = method.Params(**part.params)
        state = method.fit(store, np.arange(40), params, map, lambda _: None)
        ready = method.ready(state, params)
        unseen = method.judge(ready, store.images(np.arange(40, 60)))
    for kind, values in (("code", unseen.code), ("residual", unseen.residual)):
        state = normalise.statistics(values).into(state, kind)
    probe = good_signals(rng, basis, 1)
    probe[0, PLACE] = change(probe[0, PLACE], basis[PLACE], rng)
    coded = method.judge(ready, Signals(probe, GRID))
    network = Network("none", b"", ("layer3",), (25,), (0, 0, 0), (1, 1, 1), "", "")
    model = Model(
        Recipe("test", "none", (part,)), network, {"only": state}, calibration(np.arange(9.0)), ("images",)
    )
    model = replace(model, learned=tuple(Origin(f"{n}.png", "") for n in range(60)))
    region = Region(100, (30, 14, 46, 32), 9.0, (40, 24), (40.0, 24.0))
    (found,) = explain.explained([region], {"only": coded}, GEOMETRY, model)
    (reason,) = found.reasons
    return reason, coded


def stronger(signal, basis, rng):
    return 4 * signal


def foreign(signal, basis, rng):
    other = rng.normal(size=25)
    other -= np.linalg.pinv(basis) @ (basis @ other)  # at right angles to all that is good here
    return signal + 2 * other.astype(np.float32)


@pytest.mark.parametrize("method", PARAMS)
@pytest.mark.parametrize(("change", "side"), [(stronger, "code"), (foreign, "residual")])
def test_the_reason_names_the_side_that_was_built_strange(method, change, side):
    reason, coded = reason_for(method, change)
    assert reason.side == side
    larger, smaller = (reason.code, reason.residual)[:: 1 if side == "code" else -1]
    assert larger > 5
    assert larger > smaller
    assert (reason.part, reason.taps, reason.share) == ("only", ("layer3",), 1.0)
    assert reason.at == (40, 24)  # the middle of row 1, column 2 of cells of 16 pixels
    assert coded.distance[0].argmax() == PLACE


def test_methods_that_code_nothing_give_no_side():
    coded = Coded(np.ones((1, GRID.positions), np.float32))
    part = Part("only", ("layer3",), "padim", {})
    state = normalise.statistics(np.ones((9, GRID.positions), np.float32))
    reason = explain._reason(part, PLACE, 0.5, coded, GEOMETRY, _model_of(part, state))
    assert (reason.side, reason.code, reason.residual, reason.like) == (None, None, None, None)


def _model_of(part, statistics):
    from psdl.types import State

    network = Network("none", b"", ("layer3",), (25,), (0, 0, 0), (1, 1, 1), "", "")
    state = statistics.into(State(GRID, {}))
    return Model(Recipe("test", "none", (part,)), network, {"only": state}, calibration(np.arange(9.0)), ("a",))


def test_a_planted_defects_region_lies_on_it_and_shows_the_good_patch_most_like_it(mvtec):
    files = sorted((mvtec / "bolt/train/good").iterdir())
    detector = Detector().fit(files)
    for n in range(4):
        result = detector.score(mvtec / f"bolt/test/blot/00{n}.png")
        truth = np.asarray(parts.opened(next((mvtec / "bolt/ground_truth/blot").glob(f"00{n}*")))) > 0
        region = result.regions[0]
        x, y = map(round, region.centroid)
        assert truth[y, x]
        assert [r.part for r in region.reasons] == sorted(
            (r.part for r in region.reasons),
            key=lambda name: -next(r.share for r in region.reasons if r.part == name),
        )
        assert sum(r.share for r in region.reasons) == pytest.approx(1)
        assert all(r.side == "residual" and r.residual > 3 for r in region.reasons if r.share > 0.2)
        x, y = region.reasons[0].at
        left, top, right, bottom = region.box
        assert left - 16 <= x < right + 16
        assert top - 16 <= y < bottom + 16
        likes = [r.like for r in region.reasons if r.like]
        assert {like.image for like in likes} <= {file.name for file in files}
        assert all(detector.model.learned[like.number].name == like.image for like in likes)
        assert likes, "coarse and deep keep patches"
