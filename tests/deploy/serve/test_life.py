"""Models are replaced while the server answers, and it ends without losing a request."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import httpx
import pytest

from psdl import Detector
from psdl.deploy.client import score
from tests.parts import good, save


def problem(url: str) -> str:
    """Why the only model's newer file could not take its place."""
    return str(httpx.get(f"{url}/v1/models").json()[0]["problem"])


def until(what: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def model(model_file, tmp_path):
    return Path(shutil.copy(model_file, tmp_path / "bolt.psdl"))


def test_a_new_file_takes_over_and_a_broken_one_does_not(start, model, mvtec):
    image = next((mvtec / "bolt/test/good").iterdir())
    server = start(model)
    first = score(server.url, image).results[0]
    Detector.load(model).edit(threshold=first.threshold * 2).save(model)
    until(lambda: score(server.url, image).results[0].threshold == first.threshold * 2)
    with open(model, "wb") as file:
        file.write(b"no model at all")
    until(lambda: "not a psdl model file" in problem(server.url))
    told = httpx.get(f"{server.url}/readyz")
    assert told.json()["status"] == "degraded"
    assert str(model.parent) not in told.text  # which anybody may ask
    assert score(server.url, image).results[0].score == first.score
    assert "the old one goes on" in server.log.read_text()
    os.unlink(model)
    until(lambda: "no model file" in problem(server.url))
    assert score(server.url, image).results[0].score == first.score


def test_a_hangup_reads_every_model_again(start, model):
    server = start(model)
    server.process.send_signal(signal.SIGHUP)
    until(lambda: "replaced by the new" in server.log.read_text())
    assert httpx.get(f"{server.url}/healthz").status_code == 200


def test_the_end_loses_no_request_that_was_taken_on(start, model, mvtec):
    data = next((mvtec / "bolt/test/good").iterdir()).read_bytes()
    server = start(model)
    told = Event()

    def ask(_: int) -> list[int]:
        found = []
        with httpx.Client(timeout=20) as client:
            while True:
                try:
                    answer = client.post(
                        f"{server.url}/v1/score", content=data, headers={"content-type": "image/png"}
                    )
                except httpx.ConnectError:  # nobody listens any more: not taken on
                    assert told.is_set()
                    return found
                found.append(answer.status_code)

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask, n) for n in range(4)]
        time.sleep(1)
        told.set()
        assert server.end() == 0
        found = [status for one in asking for status in one.result()]
    assert len(found) > 4, "each has asked more than once"
    assert set(found) <= {200, 429, 503}


@pytest.mark.slow
def test_the_monitor_speaks_up_when_the_light_goes_dim(start, tmp_path):
    import numpy as np

    rng = np.random.default_rng(0)
    images = [good(rng) for _ in range(60)]
    Detector("fast").fit(images).save(tmp_path / "part.psdl")
    server = start(tmp_path / "part.psdl")
    dim = [save(good(rng) * 0.7, tmp_path / f"{n}.png") for n in range(60)]
    assert score(server.url, save(good(rng), tmp_path / "as-ever.png")).results[0].drift == []
    found = [score(server.url, image).results[0].drift for image in dim]
    assert any("darker than any learned from" in said for said in found[-1])
    assert "darker" in server.log.read_text()
    assert 'psdl_drift{model="part"} 1.0' in httpx.get(f"{server.url}/metrics").text
