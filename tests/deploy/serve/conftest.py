"""Real server processes on free ports."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass
class Server:
    """A running `psdl serve`; log: what it said on standard error."""

    process: subprocess.Popen[str]
    url: str
    log: Path

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    def end(self, how: int = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(30)


def started(log: Path, *arguments: Any) -> Server:
    command = [sys.executable, "-m", "psdl.cli.main", "serve", *map(str, arguments), "--port", "0"]
    with log.open("w") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=dict(os.environ))
    assert process.stdout
    said = next((line for line in process.stdout if "listening" in line), None)
    assert said, log.read_text()
    return Server(process, re.findall(r"listening on (\S+);", said)[0], log)


@pytest.fixture
def start(tmp_path) -> Iterator[Callable[..., Server]]:
    """Starts servers that end with the test."""
    servers: list[Server] = []

    def one(*arguments: Any) -> Server:
        servers.append(started(tmp_path / f"log{len(servers)}", *arguments))
        return servers[-1]

    yield one
    for server in servers:
        if server.process.poll() is None:
            server.end()
        server.process.stdout.close()  # type: ignore[union-attr]


@pytest.fixture(scope="session")
def server(model_file, tmp_path_factory) -> Iterator[Server]:
    """One server of the tiny model, with small bounds, for tests that leave it as it is."""
    log = tmp_path_factory.mktemp("serve") / "log"
    bounds = ["--max-body", "1MB", "--max-pixels", "200000", "--max-images", "4", "--seconds", "3"]
    found = started(log, model_file, *bounds)
    yield found
    assert found.end() == 0
    assert "Traceback" not in log.read_text()
    found.process.stdout.close()  # type: ignore[union-attr]
