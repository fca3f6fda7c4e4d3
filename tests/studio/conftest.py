"""Real studio processes on free ports, and a real browser."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect

from tests import parts
from tests.browser import watched

PATIENCE = int(os.environ.get("PSDL_TEST_PATIENCE", "300"))  # seconds that a job may take on a busy machine
expect.set_options(timeout=PATIENCE * 1000)


@dataclass
class Studio:
    """A running `psdl studio`. folder: its project; log: what it said on standard error."""

    process: subprocess.Popen[str]
    url: str
    folder: Path
    log: Path
    headers: dict[str, str] = field(default_factory=dict)

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """Status and content of an answer; body: bytes, or a value for JSON."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        request = urllib.request.Request(
            f"{self.url}{path}", data, {"Content-Type": kind, **self.headers, **(headers or {})}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                status, content = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, content = error.code, error.read()
        try:
            return status, json.loads(content)
        except ValueError:
            return status, content

    def get(self, path: str) -> Any:
        status, found = self.ask("GET", f"api/{path}")
        assert status == 200, found
        return found

    def post(self, path: str, body: Any = None) -> Any:
        status, found = self.ask("POST", f"api/{path}", {} if body is None else body)
        assert status == 200, found
        return found

    def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The state, once it is as wanted."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            state = self.get("state")
            failed = [job["error"] for job in state["jobs"] if job["state"] == "failed"]
            assert not failed, failed
            if wanted(state):
                return state
            time.sleep(0.1)
        raise AssertionError(f"not in {PATIENCE} s: {self.get('state')['jobs']}")

    def idle(self) -> dict[str, Any]:
        """The state once nothing is left to do."""
        return self.until(lambda state: all(job["state"] in ("done", "cancelled") for job in state["jobs"]))

    def end(self, how: int = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        code = self.process.wait(30)
        if self.process.stdout:
            self.process.stdout.close()
        return code


def started(folder: Path, log: Path, *arguments: Any) -> Studio:
    command = [sys.executable, "-m", "psdl.cli.main", "studio", str(folder), *map(str, arguments)]
    with log.open("a") as errors:
        process = subprocess.Popen(
            [*command, "--port", "0", "--no-browser"], stdout=subprocess.PIPE, stderr=errors, text=True
        )
    assert process.stdout
    said = next((line for line in process.stdout if "the page is" in line), None)
    assert said, log.read_text()
    return Studio(process, re.findall(r"http://[\w.:]+/", said)[0], folder, log)


@pytest.fixture
def start(tmp_path) -> Iterator[Callable[..., Studio]]:
    """Starts studios that end with the test."""
    studios: list[Studio] = []

    def one(folder: Path | None = None, *arguments: Any) -> Studio:
        studios.append(started(folder or tmp_path / "project", tmp_path / "log", *arguments))
        return studios[-1]

    yield one
    for studio in studios:
        if studio.process.poll() is None:
            studio.end()
    if studios:
        assert "Traceback" not in studios[0].log.read_text(), studios[0].log.read_text()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory) -> Path:
    """A folder of 14 good parts to learn from, and of three good and three defective ones to check."""
    root, rng = tmp_path_factory.mktemp("pictures") / "plate", np.random.default_rng(5)
    for n in range(14):
        parts.save(parts.good(rng), root / f"train/good/{n:02}.png")
    for n in range(3):
        parts.save(parts.good(rng), root / f"test/good/{n}.png")
        parts.save(parts.defective(rng)[0], root / f"test/blot/{n}.png")
    return root


@pytest.fixture(scope="session")
def learned(pictures, tmp_path_factory) -> Path:
    """A project that has learned from `pictures` and checked what is to be checked; to be copied."""
    folder = tmp_path_factory.mktemp("learned") / "plate"
    studio = started(folder, folder.parent / "log")
    try:
        studio.post("settings", {"recipe": "fast", "false_reject": 0.1})
        studio.post("folders", {"path": str(pictures)})
        studio.post("jobs/learn")
        assert studio.idle()["model"] == "001"
    finally:
        assert studio.end() == 0
    return folder


@pytest.fixture
def project(learned, tmp_path) -> Path:
    """A copy of the project that has learned."""
    return Path(shutil.copytree(learned, tmp_path / "project"))


@pytest.fixture
def opened(browser):
    """Opens a studio's page; the test fails on any console error and on any request to elsewhere."""
    problems: list[str] = []

    def open_page(studio: Studio, screen: str = "", width: int = 1280, scheme: str = "light"):
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page.set_default_timeout(PATIENCE * 1000)
        watched(page, lambda url: url.startswith((studio.url, "data:", "blob:")), problems)
        page.goto(studio.url + (f"#{screen}" if screen else ""))
        page.locator("main h1").first.wait_for()
        return page

    yield open_page
    for context in browser.contexts:
        context.close()
    assert problems == []
