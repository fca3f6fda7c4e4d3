"""Whatever an image does to a worker, its time and memory end with it, and the next image is judged."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from psdl import PsdlError
from psdl.deploy.registry import Held, ModelRegistry
from psdl.deploy.workers import KEPT, Failed, Workers


def well(detector: Any, value: int) -> int:
    assert detector.model.calibration.threshold is not None
    return value + 1


def late(_: Any) -> None:
    time.sleep(100)


def greedy(_: Any) -> int:
    return int(np.ones(2**29, np.float32).sum())  # 2 GB


def gone(_: Any) -> None:
    os._exit(7)


def stumbling(_: Any) -> None:
    raise ZeroDivisionError("in some library")


def refusing(_: Any) -> None:
    raise PsdlError("one sentence")


@pytest.fixture(scope="module")
def held(model_file) -> Held:
    return ModelRegistry([str(model_file)]).named(None)[1]


@pytest.fixture(scope="module")
def workers(held) -> Iterator[Workers]:
    found = Workers(1)
    found.load(held)
    yield found
    found.end()


def soon() -> float:
    return time.monotonic() + 60


def test_work_is_done_with_the_model(workers, held):
    assert workers.call(held, well, (4,), soon()) == 5
    with pytest.raises(PsdlError, match="one sentence"):
        workers.call(held, refusing, (), soon())


@pytest.mark.parametrize(
    ("work", "words", "lasting"),
    [
        (greedy, "more memory", True),
        (gone, "exit code 7", False),
        (stumbling, "ZeroDivisionError", True),
    ],
)
def test_a_worker_that_fails_says_why_and_another_takes_its_place(workers, held, work, words, lasting):
    if work is greedy and not os.path.exists("/proc/self/status"):
        pytest.skip("this system does not count memory")
    with pytest.raises(Failed, match=words) as error:
        workers.call(held, work, (), soon())
    assert error.value.lasting == lasting
    assert workers.call(held, well, (1,), soon()) == 2


def test_a_worker_that_does_not_end_is_ended(workers, held):
    start = time.monotonic()
    with pytest.raises(Failed, match="given up"):
        workers.call(held, late, (), start + 0.5)
    assert time.monotonic() - start < 10
    assert workers.call(held, well, (1,), soon()) == 2


def test_after_the_end_nothing_is_judged(held):
    found = Workers(1)
    found.end()
    with pytest.raises(Failed, match="ending"):
        found.call(held, well, (1,), soon())


def test_a_worker_loads_again_what_it_had_to_drop(held):
    found = Workers(1)
    try:
        for n in range(KEPT + 1):  # other models, by their digests
            assert found.call(replace(held, digest=f"{n}"), well, (n,), soon()) == n + 1
        assert found.call(replace(held, digest="0"), well, (5,), soon()) == 6
        first = found._all[0]._process.pid
        assert found.call(replace(held, digest="2"), well, (6,), soon()) == 7
        assert found._all[0]._process.pid == first
    finally:
        found.end()


def test_the_time_that_loading_takes_is_not_the_images(held):
    found = Workers(1)
    try:
        assert found.call(held, well, (1,), time.monotonic() + 0.5) == 2  # a new process takes longer to begin
    finally:
        found.end()
