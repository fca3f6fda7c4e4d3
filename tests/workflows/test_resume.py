"""A run that is killed and started again judges only what is missing, and ends with the same files."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import numpy as np
import pytest

from psdl import Detector
from psdl.types import Sample
from psdl.workflows.resume import FOLDER, results
from tests.parts import good, psdl, save


@pytest.mark.slow
def test_a_killed_predict_goes_on_to_the_same_bytes(model_file, tmp_path):
    rng = np.random.default_rng(0)
    for n in range(24):
        save(good(rng), tmp_path / f"in/{n:03}.png")
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert psdl("predict", model_file, tmp_path / "in", "--out", whole, "--maps").returncode == 0
    command = [
        sys.executable,
        "-m",
        "psdl.cli.main",
        "predict",
        model_file,
        tmp_path / "in",
        "--out",
        out,
        "--maps",
    ]
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (out / FOLDER).is_dir() or len(list((out / FOLDER).glob("*.npz"))) < 6:
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not (out / "images.csv").exists()
    assert psdl("predict", model_file, tmp_path / "in", "--out", out, "--maps").returncode == 0
    files = {path.relative_to(whole) for path in whole.rglob("*") if path.is_file()}
    assert {path.relative_to(out) for path in out.rglob("*") if path.is_file()} == files
    for file in files:
        if file.name != "report.html":  # which says how long it took
            assert (out / file).read_bytes() == (whole / file).read_bytes(), file


def test_what_was_kept_comes_back_as_it_was_and_only_if_nothing_changed(model_file, mvtec, tmp_path):
    detector = Detector.load(model_file)
    paths = sorted((mvtec / "bolt/test").rglob("*.png"))
    samples = [
        Sample(str(save(np.asarray(opened), tmp_path / f"{n}.png")), f"{n}", "bolt") for n, opened in pixels(paths)
    ]
    first = [result for _, result in results(detector, samples, tmp_path / "out")]
    calls = []
    detector.results = lambda items, jobs: iter(calls.extend(items) or [])  # type: ignore[method-assign,assignment]
    again = [result for _, result in results(detector, samples, tmp_path / "out")]
    assert calls == []
    for a, b in zip(first, again, strict=True):
        assert (a.score, a.verdict, a.geometry, a.statistics, a.regions) == (
            b.score,
            b.verdict,
            b.geometry,
            b.statistics,
            b.regions,
        )
        np.testing.assert_array_equal(a.map, b.map)
    detector = Detector.load(model_file)
    save(good(np.random.default_rng(1)), tmp_path / "0.png")
    changed = [result.score for _, result in results(detector, samples, tmp_path / "out")]
    assert changed[0] != first[0].score
    assert changed[1:] == [one.score for one in first[1:]]
    other = detector.edit(false_reject=0.2)
    verdicts = [json.dumps(result.verdict.threshold) for _, result in results(other, samples, tmp_path / "out")]
    assert set(verdicts) == {json.dumps(other.model.calibration.threshold)}


def test_what_was_kept_and_is_damaged_is_judged_again(model_file, mvtec, tmp_path):
    detector = Detector.load(model_file)
    paths = sorted((mvtec / "bolt/test").rglob("*.png"))[:5]
    samples = [Sample(str(path), path.name, "bolt") for path in paths]
    first = [result.score for _, result in results(detector, samples, tmp_path)]
    files = sorted((tmp_path / FOLDER).glob("*.npz"))
    for file, damage in zip(files, (b"", b"PK torn", file_half(files[2]), b"\0" * 300), strict=False):
        file.write_bytes(damage)
    again = [result.score for _, result in results(detector, samples, tmp_path)]
    assert again == first
    assert all(file.stat().st_size > 300 for file in files)


def file_half(path):
    return path.read_bytes()[: path.stat().st_size // 2]


def pixels(paths):
    from tests.parts import opened

    return [(n, opened(path)) for n, path in enumerate(paths)]
