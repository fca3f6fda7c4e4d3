"""Work on worker processes comes to the same bytes, also when one of them is killed."""

from __future__ import annotations

import filecmp
import subprocess
import sys
import time

import psutil
import pytest

from psdl import Detector, PsdlError
from psdl.jobs import opened
from psdl.jobs.dask import Cluster
from tests.parts import psdl, refused

KIND = ("--recipe", "fast", "--category", "bolt", "--groups", "given", "--quiet")


def workers(pid: int) -> list[psutil.Process]:
    children = psutil.Process(pid).children(recursive=True)
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


def test_fit_on_two_workers_gives_the_same_bytes_also_when_one_dies(mvtec, tmp_path, monkeypatch):
    model, alone = tmp_path / "m.psdl", tmp_path / "alone"
    assert psdl("fit", mvtec, "--model", model, *KIND).returncode == 0
    model.rename(alone)
    done = psdl("fit", mvtec, "--model", model, *KIND, "--cluster", "local:2")
    assert done.returncode == 0, done.stderr
    assert filecmp.cmp(model, alone, shallow=False)
    model.unlink()
    command = [
        sys.executable,
        "-m",
        "psdl.cli.main",
        "fit",
        mvtec,
        "--model",
        model,
        *KIND,
        "--cluster",
        "local:2",
    ]
    process = subprocess.Popen(list(map(str, command)))
    while len(workers(process.pid)) < 2:
        assert process.poll() is None
        time.sleep(0.02)
    time.sleep(2.5)
    workers(process.pid)[0].kill()
    assert process.wait(120) == 0
    assert filecmp.cmp(model, alone, shallow=False)


def test_results_come_in_order_and_whole(mvtec, model_file):
    detector = Detector.load(model_file)
    images = sorted((mvtec / "bolt/test").rglob("*.png"))
    with opened(None, "local:2", lambda _: None) as run:
        found = list(detector.results(images, run))
    known = list(detector.results(images))
    assert [one.score for one in found] == [one.score for one in known]
    assert [one.regions for one in found] == [one.regions for one in known]


def test_a_cluster_that_is_not_there_is_one_sentence(mvtec, tmp_path):
    refused(psdl("fit", mvtec, "--model", tmp_path / "m", "--cluster", "local:many"), "local:4")
    with pytest.raises(PsdlError, match="no scheduler answers"):
        Cluster("tcp://127.0.0.1:9")
