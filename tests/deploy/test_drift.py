"""The monitor: finds what changed, names it, and keeps quiet as often as it says."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from psdl import Detector
from psdl.deploy.drift import DELTA, Bets, Monitor
from psdl.input.statistics import ImageStatistics, measure
from tests.parts import good, psdl, refused, save


@pytest.fixture(scope="module")
def detector():
    rng = np.random.default_rng(0)
    return Detector("fast").fit([good(rng) for _ in range(60)])


def ideal(model, items: int, rng: np.random.Generator):
    """The model as if learned from so many images whose looks are drawn from one distribution."""
    image_statistics = np.column_stack(
        [rng.normal(100, 9, items), rng.normal(0.2, 0.02, items), *2 * [np.full(items, 64)]]
    )
    return replace(
        model, image_statistics=np.column_stack([image_statistics, np.arange(items)]).astype(np.float32)
    )


def shown(monitor: Monitor, rng: np.random.Generator, images: int, brightness: float = 100) -> Monitor:
    for _ in range(images):
        seen = ImageStatistics(rng.normal(brightness, 9), rng.normal(0.2, 0.02), 64, 64)
        monitor.see(seen, "OK", rng.uniform(0.06, 1))
    return monitor


def test_a_look_is_what_it_says():
    pixels = np.zeros((600, 40, 3), np.uint8)
    pixels[:, ::2] = 100
    found = measure(pixels)
    assert (found.brightness, found.height, found.width) == (50, 600, 40)
    assert found.sharpness == pytest.approx(100 / 51)
    assert measure(pixels // 2).sharpness == pytest.approx(found.sharpness, rel=0.03)


def test_the_capital_is_fair_when_p_values_are_uniform():
    rng = np.random.default_rng(1)
    ends = []
    for _ in range(4000):
        bets = Bets()
        for p in rng.uniform(size=20):
            bets.see(p, 1e9)
        ends.append(bets.capital)
    assert np.mean(ends) == pytest.approx(1, abs=4 * np.std(ends) / np.sqrt(len(ends)))


def test_alarms_without_a_cause_are_as_rare_as_promised(detector):
    alarms = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        alarms += bool(shown(Monitor(ideal(detector.model, 40, rng)), rng, 1500).alarms)
    assert alarms <= 2  # of 60 at 1 %: three or more have a chance of 2 %


@pytest.mark.parametrize(("before", "most"), [(0, 60), (3000, 160)])
def test_a_dim_lamp_is_found_at_once_and_after_long_quiet(detector, before, most):
    rng = np.random.default_rng(5)
    monitor = shown(Monitor(ideal(detector.model, 60, rng)), rng, before)
    assert not monitor.alarms
    shown(monitor, rng, most, brightness=70)
    assert monitor.alarms[0].word == "darker"
    assert monitor.evidence == 1
    shown(monitor, rng, 60)
    assert not monitor.now  # mended


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda p: np.clip(p * 1.5, 0, 255), "brighter"),
        (lambda p: p * 0.6, "darker"),
        (lambda p: (p + np.roll(p, 1, 1) + np.roll(p, 2, 1) + np.roll(p, 3, 1)) / 4 + 0.4, "blurrier"),
        (lambda p: np.concatenate([p, p]), "of another size"),
    ],
)
def test_what_changed_is_named(detector, change, word):
    rng = np.random.default_rng(7)
    monitor = Monitor(detector.model)
    for _ in range(60):
        pixels = change(good(rng).astype(float)).astype(np.uint8)
        monitor.see(measure(pixels), "NG", 0.01)
    assert monitor.alarms[0].word == word
    for _ in range(10):
        assert np.isfinite(monitor.evidence)


def test_stranger_parts_are_named_though_they_look_alike(detector):
    rng = np.random.default_rng(9)
    monitor = Monitor(detector.model)
    for _ in range(120):
        monitor.see(measure(good(rng)), "OK", rng.uniform(0.05, 0.2))
    assert [alarm.word for alarm in monitor.alarms] == ["stranger"]


def test_sizes_that_always_differ_raise_no_alarm(detector):
    rng = np.random.default_rng(3)
    model = ideal(detector.model, 60, rng)
    image_statistics = model.image_statistics.copy()
    image_statistics[:, 2] = rng.integers(100, 10**6, 60)
    monitor = Monitor(replace(model, image_statistics=image_statistics))
    for _ in range(300):
        monitor.see(ImageStatistics(rng.normal(100, 9), 0.2, rng.integers(100, 10**6), 64), "OK", 0.9)
    assert "of another size" not in [alarm.word for alarm in monitor.alarms]


@pytest.mark.slow
def test_drift_reads_what_predict_wrote(detector, tmp_path):
    rng = np.random.default_rng(11)
    detector.save(tmp_path / "m.psdl")
    same = [save(good(rng), tmp_path / "same" / f"{n}.png") for n in range(20)]
    dim = [save(good(rng) * 0.6, tmp_path / "dim" / f"{n:02}.png") for n in range(60)]
    for name in ("same", "dim"):
        assert (
            psdl("predict", tmp_path / "m.psdl", tmp_path / name, "--out", tmp_path / f"out-{name}").returncode
            == 0
        )
    quiet = psdl("drift", tmp_path / "m.psdl", tmp_path / "out-same", "--fail")
    assert quiet.returncode == 0, quiet.stdout
    assert f"{len(same)} images: nothing says" in quiet.stdout
    loud = psdl("drift", tmp_path / "m.psdl", tmp_path / "out-same", tmp_path / "out-dim/images.jsonl", "--fail")
    assert loud.returncode == 1
    assert re.search(r"image \d+: images are darker than any learned from \(brightness", loud.stdout)
    told = json.loads(psdl("drift", tmp_path / "m.psdl", tmp_path / "out-dim", "--json").stdout)
    assert (told["images"], told["now"][0]["word"]) == (len(dim), "darker")
    assert DELTA == 0.01


@pytest.mark.slow
def test_drift_refuses_what_it_cannot_read(detector, tmp_path):
    detector.save(tmp_path / "m.psdl")
    refused(psdl("drift", tmp_path / "m.psdl", tmp_path / "none"), "cannot be read", "images.jsonl")
    (tmp_path / "x.jsonl").write_text("[1]\n")
    refused(psdl("drift", tmp_path / "m.psdl", tmp_path / "x.jsonl"), "line 1", "no JSON object")
    (tmp_path / "x.jsonl").write_text('{"path": "a"}\n')
    refused(psdl("drift", tmp_path / "m.psdl", tmp_path / "x.jsonl"), "line 1", "judge anew")
    rng = np.random.default_rng(0)
    Detector("fast").fit([good(rng) for _ in range(4)]).save(tmp_path / "few.psdl")
    refused(psdl("drift", tmp_path / "few.psdl", tmp_path / "x.jsonl"), "so few items")
