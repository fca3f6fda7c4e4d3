"""A disk that is full and memory that ends are one sentence, and leave nothing half-written."""

from __future__ import annotations

import resource
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.parts import good, psdl, refused, save


def bounded(kind: int, most: int) -> Callable[[], None]:
    """For a process about to start: the system refuses what goes beyond."""
    return partial(resource.setrlimit, kind, (most, most))


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("most", [0, 100_000, 4_000_000])  # bytes of a file, as a full disk bounds them
def test_a_model_that_does_not_fit_on_the_disk_is_not_there(mvtec, tmp_path, most):
    model = tmp_path / "models/m.psdl"
    model.parent.mkdir()
    for before in (None, b"the model before"):
        if before:
            model.write_bytes(before)
        done = psdl(
            "fit",
            mvtec,
            "--category",
            "bolt",
            "--recipe",
            "fast",
            "--groups",
            "given",
            "--model",
            model,
            "--quiet",
            preexec_fn=bounded(resource.RLIMIT_FSIZE, most),
        )
        refused(done, "large")
        if most < 4_000_000:
            break
    models = [name for name in left(model.parent) if not name.endswith(".going")]  # the same command goes on there
    assert models == ([] if most < 4_000_000 else ["m.psdl"])
    assert most < 4_000_000 or model.read_bytes() == b"the model before"


@pytest.mark.parametrize(
    "most", [pytest.param(0, marks=pytest.mark.slow), pytest.param(3_000, marks=pytest.mark.slow), 30_000]
)
def test_results_that_do_not_fit_on_the_disk_are_one_sentence(model_file, mvtec, tmp_path, most):
    limit = bounded(resource.RLIMIT_FSIZE, most)
    done = psdl("predict", model_file, mvtec / "bolt/test", "--out", tmp_path / "out", "--quiet", preexec_fn=limit)
    refused(done, "large")
    whole = psdl("predict", model_file, mvtec / "bolt/test", "--out", tmp_path / "out", "--quiet")
    assert whole.returncode == 0, whole.stderr  # nothing that was left behind is in the way
    assert (tmp_path / "out/images.csv").read_text().count("\n") == 9


@pytest.mark.slow
def test_a_watch_on_a_full_disk_says_so_and_leaves_no_part_of_a_line(model_file, tmp_path):
    for n in range(3):
        save(good(np.random.default_rng(n)), tmp_path / f"in/{n}.png")
    asked = ("watch", model_file, tmp_path / "in", "--out", tmp_path / "out", "--once", "--settle", "0", "--quiet")
    refused(psdl(*asked, preexec_fn=bounded(resource.RLIMIT_FSIZE, 900)), "start again")
    journal = tmp_path / "out/images.jsonl"
    assert journal.read_bytes() == b"" or journal.read_bytes().endswith(b"\n")
    assert psdl(*asked).returncode == 0
    assert journal.read_text().count("\n") == 3


def test_memory_that_ends_is_one_sentence(model_file, tmp_path):
    large = save(np.zeros((9_000, 12_000)), tmp_path / "large.png")
    limit = bounded(resource.RLIMIT_DATA, 600_000_000)
    done = psdl("predict", model_file, large, preexec_fn=limit)
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1].startswith("psdl: ")  # libraries may warn before
    assert "memory" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    refused(psdl("predict", model_file, tmp_path / "large.png", "--out", "/proc/none/out"), "/proc/none")
