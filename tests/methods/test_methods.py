"""Every method on a store of synthetic signals: it learns, it judges, and strangers stand out."""

from __future__ import annotations

import numpy as np
import pytest

from psdl import sparse
from psdl.compare import methods as compared
from psdl.features.store import Store
from psdl.methods import _whitening, base, patchcore, shared
from psdl.types import Grid, Signals

NAMES = (*base.BUILT_IN, compared.LINEAR)
GRID = Grid(4, 5, (64, 80))
PARAMS = {
    "shared": {"learned": 16, "atoms": 60},
    "exemplars": {"atoms": 12},
    "paper": {"rounds": 2},
    "padim": {"channels": 10},
    "linear": {"kept": 0.9},
    "patchcore": {"share": 0.2},
}


@pytest.fixture(scope="module")
def store():
    rng = np.random.default_rng(0)
    basis = rng.normal(size=(GRID.positions, 3, 25))
    with Store(40, GRID, 25) as held:
        for n in range(40):
            values = np.einsum("pk,pkf->pf", rng.normal(size=(GRID.positions, 3)), basis)
            values += 0.05 * rng.normal(size=values.shape)
            held.write(n, Signals(values[None].astype(np.float32), GRID))
        yield held


def learned(name, store, rows=None, device="cpu"):
    method = base.load(name)
    params = method.Params(**PARAMS[name])
    told = []
    state = method.fit(store, np.arange(40) if rows is None else rows, params, map, told.append, device)
    assert sum(told) == GRID.positions
    return method, method.ready(state, params, device), state


@pytest.mark.parametrize("name", NAMES)
def test_strangers_are_further_than_unseen_good_signals(name, store):
    method, ready, state = learned(name, store, np.arange(30))
    good = store.images(np.arange(30, 40))
    strange = Signals(np.random.default_rng(1).normal(0, 2, good.values.shape).astype(np.float32), GRID)
    near, far = method.judge(ready, good).distance, method.judge(ready, strange).distance
    assert near.shape == (10, GRID.positions)
    assert near.dtype == np.float32
    assert np.median(far) > 1.5 * np.median(near)
    assert state.grid == GRID


@pytest.mark.parametrize("name", NAMES)
def test_threads_and_order_change_nothing(name, store):
    method, ready, _ = learned(name, store)
    whole = method.judge(ready, store.images(np.arange(4)), 1).distance
    np.testing.assert_array_equal(whole, method.judge(ready, store.images(np.arange(4)), 2).distance)
    np.testing.assert_array_equal(whole[::-1], method.judge(ready, store.images(np.arange(4)[::-1])).distance)


@pytest.mark.skipif(not sparse.runs_on("cpu:0"), reason="torch is not installed (make test-torch)")
@pytest.mark.parametrize("name", NAMES)
def test_torch_learns_and_judges_as_the_kernels_do(name, store):
    method, ready, _ = learned(name, store)
    _, on_torch, _ = learned(name, store, device="cpu:0")
    signals = store.images(np.arange(6))
    expected = method.judge(ready, signals).distance
    np.testing.assert_allclose(method.judge(on_torch, signals).distance, expected, atol=1e-3 * expected.max())


@pytest.mark.parametrize(
    ("name", "array"), [("exemplars", "dictionary"), ("paper", "dictionary"), ("padim", "mean")]
)
def test_arrays_that_do_not_fit_the_grid_are_refused(name, array, store):
    method, _, state = learned(name, store)
    cut = type(state)(GRID, {**state.arrays, array: state.arrays[array][:-1]})
    with pytest.raises(ValueError, match="grid"):
        method.ready(cut, method.Params(**PARAMS[name]))


def test_covering_takes_the_worst_coded_in_turn():
    signals = np.array([[5, 0, 0], [4.9, 0.1, 0], [0, 2, 0], [0, 0, 1], [0, 1.9, 0.1]], np.float32)
    chosen = sparse.cover(signals, 3)
    np.testing.assert_allclose(chosen, np.eye(3), atol=1e-6)


def test_covering_lowers_the_worst_error_more_than_drawn_atoms_do():
    rng = np.random.default_rng(2)
    signals = np.concatenate([rng.normal(size=(500, 4)) @ rng.normal(size=(4, 20)), rng.normal(size=(20, 20))])
    signals = signals.astype(np.float32)
    start = signals[:5] / np.linalg.norm(signals[:5], axis=1, keepdims=True)
    grown = np.concatenate([start, shared._units(signals[shared._covering(signals, start, 35)])])
    drawn = signals[:40] / np.linalg.norm(signals[:40], axis=1, keepdims=True)
    assert grown.shape == (40, 20)

    def worst(atoms):
        best = np.square(signals @ atoms.T).max(axis=1)
        return (np.square(signals).sum(axis=1) - best).max()

    assert worst(grown) < 0.7 * worst(drawn)


def test_padim_is_the_mahalanobis_distance_to_the_positions_gaussian(store):
    method, ready, state = learned("padim", store, np.arange(35))
    values = store.images(np.arange(35)).values[:, 3][:, state.arrays["channels"]].astype(float)
    precision = np.linalg.inv(np.cov(values.T) + 0.01 * np.eye(10))
    probe = store.images(np.array([38]))
    offset = probe.values[0, 3][state.arrays["channels"]] - values.mean(axis=0)
    expected = np.sqrt(offset @ precision @ offset)
    assert method.judge(ready, probe).distance[0, 3] == pytest.approx(expected, rel=1e-3)


def test_a_coreset_takes_the_farthest_point_in_turn():
    points = np.array([[0, 0], [1, 0], [9, 0], [9, 1], [0, 5]], np.float32)
    np.testing.assert_array_equal(patchcore.coreset(points, 4, 0), [0, 3, 4, 1])
    rng = np.random.default_rng(3)
    points = rng.normal(size=(400, 8)).astype(np.float32)
    chosen = patchcore.coreset(points, 40, 7)
    assert len(set(chosen)) == 40
    for n in range(1, 40):
        away = np.linalg.norm(points[:, None] - points[chosen[:n]], axis=2).min(axis=1)
        assert away[chosen[n]] == pytest.approx(away.max(), rel=1e-3)


def test_patchcore_is_the_distance_to_the_nearest_kept_signal(store):
    method, ready, state = learned("patchcore", store, np.arange(35))
    assert state.arrays["bank"].shape == (round(0.2 * 35 * GRID.positions), 25)
    probe = store.images(np.array([38]))
    expected = np.linalg.norm(probe.values[0, :, None] - state.arrays["bank"], axis=2).min(axis=1)
    np.testing.assert_allclose(method.judge(ready, probe).distance[0], expected, rtol=1e-3)


def test_what_is_held_out_is_neither_among_the_atoms_nor_in_the_whitening(store):
    params, fold = shared.Params(atoms=60), np.arange(40) % 4
    state = shared.fit(store, np.arange(40), params, map, lambda _: None)
    rows = np.nonzero(fold != 1)[0]
    found = shared.held_out(state, store, params, fold)(rows).arrays
    white = _whitening.fit(store.batches(rows), 25, params.whiten, params.ridge)
    np.testing.assert_allclose(found["mean"], white.mean, atol=1e-5)
    np.testing.assert_allclose(found["matrix"] @ found["matrix"].T, white.matrix @ white.matrix.T, rtol=1e-3)
    source, place = state.arrays["source"], state.arrays["place"]
    assert 0 < (fold[source] == 1).sum() < 60
    for k in range(60):
        patch = store.images(source[k : k + 1]).values[0, place[k : k + 1]]
        atom = _whitening.apply(_whitening.Whitening(found["mean"], found["matrix"]), patch)[0]
        expected = atom / np.linalg.norm(atom) if fold[source[k]] != 1 else np.zeros(25)
        np.testing.assert_allclose(found["dictionary"][k], expected, atol=1e-3)
