"""Work on worker processes comes to the same bytes, also when one of them is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from psdl import Detector, PsdlError
from psdl.jobs import dask as engine
from psdl.jobs import opened
from psdl.jobs.dask import Cluster
from tests.parts import psdl, refused

KIND = ("--recipe", "fast", "--category", "bolt", "--groups", "given", "--quiet")


def workers(pid: int) -> list[psutil.Process]:
    """The worker processes that live; one that ends while it is asked is none."""
    found = []
    for child in psutil.Process(pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if "spawn_main" in " ".join(child.cmdline()):
                found.append(child)
    return found


def until(process: subprocess.Popen[bytes], state: Callable[[], object]) -> None:
    """Waits while the process works until the state is reached."""
    while not state():
        assert process.poll() is None
        time.sleep(0.01)


def fit(data: Path, model: Path, *options: str) -> bytes:
    """The bytes of a model learned in a process of its own."""
    done = psdl("fit", data, "--model", model, *KIND, *options)
    assert done.returncode == 0, done.stderr
    return model.read_bytes()


def test_fit_on_two_workers_gives_the_same_bytes(mvtec, tmp_path):
    assert fit(mvtec, tmp_path / "m", "--cluster", "local:2") == fit(mvtec, tmp_path / "m")


@pytest.mark.slow
def test_models_of_categories_are_learned_side_by_side(mvtec, tmp_path):
    each = [mvtec, "--each", "--recipe", "fast", "--groups", "given", "--model", tmp_path / "models"]
    assert psdl("fit", *each).returncode == 0
    alone = {file.name: file.read_bytes() for file in (tmp_path / "models").iterdir()}
    done = psdl("fit", *each, "--cluster", "local:2")
    assert done.returncode == 0, done.stderr
    assert {file.name: file.read_bytes() for file in (tmp_path / "models").iterdir()} == alone
    assert done.stdout.index("nut: estimated memory") < done.stdout.index(
        "bolt: wrote"
    )  # nut did not wait for bolt


def test_an_interruption_ends_all_that_work_side_by_side(mvtec, tmp_path):
    command = [sys.executable, "-m", "psdl.cli.main", "fit", str(mvtec), "--each", "--recipe", "default"]
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with subprocess.Popen(
        [*command, "--model", str(tmp_path / "models"), "--cluster", "local:2", "--quiet"],
        env={**os.environ, "TMPDIR": str(scratch)},
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # which a shell may have ignored for us
    ) as process:
        try:
            until(process, lambda: list(scratch.glob("psdl-cluster-*/map-*")))
            process.send_signal(signal.SIGINT)
            assert process.wait(30) != 0
        finally:
            process.kill()
    assert not list((tmp_path / "models").glob("*.psdl"))


@pytest.mark.slow
def test_fit_outlives_a_worker_that_is_killed_at_work(mvtec, tmp_path):
    alone = fit(mvtec, tmp_path / "m")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    command = [sys.executable, "-m", "psdl.cli.main", "fit", str(mvtec), "--model", str(tmp_path / "m"), *KIND]
    with subprocess.Popen(
        [*command, "--cluster", "local:2"], env={**os.environ, "TMPDIR": str(scratch)}
    ) as process:
        try:
            until(process, lambda: list(scratch.glob("psdl-cluster-*/map-*")))  # tasks are with the workers
            workers(process.pid)[0].kill()
            assert process.wait(120) == 0
        finally:
            process.kill()
    assert (tmp_path / "m").read_bytes() == alone


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


def slow(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def late(_: float) -> float:
    raise TimeoutError("the task's own")


def test_a_task_that_ends_while_its_wait_does_is_no_error(monkeypatch):
    monkeypatch.setattr(engine, "POLL", 0.03)
    with Cluster("local:2") as run:
        for _ in range(15):
            assert list(run(slow, [0.03] * 8)) == [0.03] * 8
        with pytest.raises(TimeoutError, match="the task's own"):
            list(run(late, [0.0]))


def test_local_workers_listen_on_this_machine_alone():
    with Cluster("local:2") as run:
        assert list(run(slow, [0.0] * 4)) == [0.0] * 4
        here = psutil.Process()
        sockets = [s for p in (here, *workers(here.pid)) for s in p.net_connections() if s.status == "LISTEN"]
        assert len(sockets) >= 3  # the scheduler, its page and a worker
        assert {s.laddr.ip for s in sockets} <= {"127.0.0.1", "::1"}
