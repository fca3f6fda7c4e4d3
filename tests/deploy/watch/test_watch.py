"""Files that appear in a folder are judged once, told to receivers, sorted, and survive every kill."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from psdl import Detector
from tests.parts import good, psdl, refused, save


def rows(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "images.jsonl").read_text().splitlines()]


def until(what: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def started(*arguments: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "psdl.cli.main", "watch", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def ended(process: subprocess.Popen[str], how: int = signal.SIGTERM) -> int:
    process.send_signal(how)
    process.communicate(timeout=20)
    return process.returncode


@pytest.fixture
def dropped(tmp_path, mvtec) -> Path:
    """A folder with images, some in folders below it, and what is no image."""
    folder = tmp_path / "in"
    for n, image in enumerate(sorted((mvtec / "bolt/test").rglob("*.png"))):
        target = folder / ("" if n % 2 else "lot ü") / f"{n}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(image, target)
    (folder / ".hidden.png").write_bytes(b"x")
    (folder / "7.png.part").write_bytes(b"x")
    return folder


def test_each_file_is_judged_as_the_library_judges_it(model_file, dropped, tmp_path):
    out = tmp_path / "out"
    done = psdl("watch", model_file, dropped, "--out", out, "--once", "--settle", "0")
    assert done.returncode == 0, done.stderr
    found = rows(out)
    names = {path.relative_to(dropped).as_posix() for path in dropped.rglob("[0-9].png")}
    assert {row["path"] for row in found} == names
    detector = Detector.load(model_file)
    assert all(row["score"] == detector.score(dropped / row["path"]).score for row in found)
    again = psdl("watch", model_file, dropped, "--out", out, "--once", "--settle", "0")
    assert f"{len(names)} files are judged" in again.stdout
    assert rows(out) == found


@pytest.mark.slow
def test_a_bad_file_is_an_error_once_and_a_new_one_of_its_name_is_judged(model_file, dropped, tmp_path):
    out, bad = tmp_path / "out", dropped / "bad.png"
    bad.write_bytes((dropped / "1.png").read_bytes()[:-20])
    for _ in range(2):
        assert psdl("watch", model_file, dropped, "--out", out, "--once", "--settle", "0").returncode == 0
    (row,) = [row for row in rows(out) if row["path"] == "bad.png"]
    assert row["verdict"] == "ERROR"
    assert "cut short" in row["error"]
    shutil.copy(dropped / "1.png", bad)
    psdl("watch", model_file, dropped, "--out", out, "--once", "--settle", "0")
    assert [row["verdict"] == "ERROR" for row in rows(out) if row["path"] == "bad.png"] == [True, False]


def test_a_file_that_grows_is_judged_when_it_is_whole(model_file, tmp_path, mvtec):
    data = next((mvtec / "bolt/test/good").iterdir()).read_bytes()
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    process = started(model_file, folder, "--out", out, "--every", "0.3")
    assert process.stdout
    assert "watching" in process.stdout.readline()
    with (folder / "slow.png").open("wb") as file:
        for n in range(0, len(data), len(data) // 10):
            file.write(data[n : n + len(data) // 10])
            file.flush()
            time.sleep(0.1)
    until(lambda: len(rows(out)) == 1)
    assert ended(process) == 0
    assert rows(out)[0]["verdict"] in ("OK", "REVIEW", "NG")


@pytest.mark.parametrize("way", [pytest.param("move", marks=pytest.mark.slow), "link"])
def test_files_are_sorted_by_verdict(model_file, dropped, tmp_path, way):
    out = tmp_path / "out"
    names = [path.relative_to(dropped) for path in dropped.rglob("[0-9].png")]
    assert (
        psdl("watch", model_file, dropped, "--out", out, "--sort", way, "--once", "--settle", "0").returncode == 0
    )
    for row in rows(out):
        assert (out / row["verdict"] / row["path"]).is_file()
        assert (dropped / row["path"]).exists() == (way == "link")
    shutil.copy(out / rows(out)[0]["verdict"] / rows(out)[0]["path"], dropped / "other.png")
    first = dropped / rows(out)[0]["path"]
    first.unlink(missing_ok=True)
    save(np.zeros((96, 128)), first)
    assert (
        psdl("watch", model_file, dropped, "--out", out, "--sort", way, "--once", "--settle", "0").returncode == 0
    )
    sorted_files = list(out.rglob("*.png"))
    assert len(sorted_files) == len(names) + 2  # the second of one name got a number, or another verdict


def test_kills_at_any_moment_lose_and_double_nothing(model_file, tmp_path):
    rng, chance = np.random.default_rng(0), random.Random(0)
    folder, out = tmp_path / "in", tmp_path / "out"
    for n in range(60):
        save(good(rng), folder / f"{n:03}.png")
    for _ in range(3):
        process = started(model_file, folder, "--out", out, "--sort", "move", "--settle", "0", "--jobs", "2")
        assert process.stdout
        process.stdout.readline()
        time.sleep(chance.uniform(0, 0.25))
        assert ended(process, signal.SIGKILL) == -signal.SIGKILL
    assert (
        psdl("watch", model_file, folder, "--out", out, "--sort", "move", "--once", "--settle", "0").returncode
        == 0
    )
    assert sorted(row["path"] for row in rows(out)) == [f"{n:03}.png" for n in range(60)]
    assert len(list(out.rglob("*.png"))) == 60
    assert not list(folder.iterdir())


class Receiver(ThreadingHTTPServer):
    """Takes verdicts over HTTP; answers with `status`."""

    def __init__(self, port: int = 0, status: int = 200) -> None:
        self.taken: list[tuple[str, dict[str, Any]]] = []
        self.status = status
        super().__init__(("127.0.0.1", port), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.server.status == 200:
            self.server.taken.append((self.headers["idempotency-key"], body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.slow
def test_a_webhook_gets_every_verdict_though_it_fails_and_is_away(model_file, dropped, tmp_path, receiver):
    out, port = tmp_path / "out", receiver.server_port
    receiver.status = 500
    url = f"http://127.0.0.1:{port}/verdicts"
    process = started(model_file, dropped, "--out", out, "--webhook", url, "--settle", "0")
    until(lambda: (out / "images.jsonl").exists() and len(rows(out)) == 8)
    assert receiver.taken == []
    receiver.status = 200
    until(lambda: len(receiver.taken) == 8)
    assert ended(process) == 0
    assert [body for _, body in receiver.taken] == rows(out)
    assert len({key for key, _ in receiver.taken}) == 8
    receiver.shutdown()
    receiver.server_close()
    shutil.copy(dropped / "1.png", dropped / "late.png")
    away = psdl("watch", model_file, dropped, "--out", out, "--webhook", url, "--settle", "0", "--once")
    assert "wait for the next start" in away.stdout
    back = Receiver(port)
    assert psdl("watch", model_file, dropped, "--out", out, "--webhook", url, "--once").returncode == 0
    assert [body["path"] for _, body in back.taken] == ["late.png"]
    back.shutdown()
    back.server_close()


def test_a_broker_gets_every_verdict(model_file, dropped, tmp_path):
    paho = pytest.importorskip("paho.mqtt.client")
    pytest.importorskip("amqtt")
    from paho.mqtt.enums import CallbackAPIVersion

    port = free_port()
    url, out, broker = f"mqtt://127.0.0.1:{port}/line1/verdicts", tmp_path / "out", None
    process = started(model_file, dropped, "--out", out, "--mqtt", url, "--settle", "0")
    try:
        until(lambda: (out / "images.jsonl").exists() and len(rows(out)) == 8)  # while no broker answers
        broker = run_broker(port, tmp_path)
        taken: list[dict[str, Any]] = []
        client = paho.Client(CallbackAPIVersion.VERSION2)
        client.on_message = lambda _c, _u, message: taken.append(json.loads(message.payload))
        until(lambda: connected(client, port))
        client.subscribe("line1/verdicts", qos=1)
        client.loop_start()
        until(lambda: len(taken) >= 1)
        shutil.copy(dropped / "1.png", dropped / "late.png")
        until(lambda: taken[-1]["path"] == "late.png")
        client.disconnect()
        client.loop_stop()
    finally:
        assert ended(process) == 0
        if broker:
            broker.kill()
            broker.wait()
    assert (out / "mqtt.sent").read_text().split()[-1] == str((out / "images.jsonl").stat().st_size)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


def run_broker(port: int, folder: Path) -> subprocess.Popen[bytes]:
    """A real broker, in a process of its own."""
    config = {"listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}}}
    config |= {"plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}}
    (folder / "broker.yaml").write_text(json.dumps(config))
    command = [Path(sys.executable).with_name("amqtt"), "-c", folder / "broker.yaml"]
    with (folder / "broker.log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


def connected(client: Any, port: int) -> bool:
    try:
        return client.connect("127.0.0.1", port) == 0
    except OSError:
        return False


@pytest.mark.slow
def test_what_cannot_start_says_why(model_file, tmp_path):
    out, folder = tmp_path / "out", tmp_path / "in"
    refused(psdl("watch", model_file, folder, "--out", out), "no folder")
    folder.mkdir()
    refused(psdl("watch", model_file, folder, "--out", out, "--webhook", "host"), "--webhook")
    refused(psdl("watch", model_file, folder, "--out", out, "--mqtt", "mqtt://host"), "--mqtt", "topic")
    refused(psdl("watch", model_file, folder, "--out", out, "--sort", "copy"), "move, link")
    (out / "images.jsonl").write_text('{"a": 1}\n')
    refused(psdl("watch", model_file, folder, "--out", out, "--once"), "line 1", "--out")
    (out / "images.jsonl").write_text("")
    process = started(model_file, folder, "--out", out)
    assert process.stdout
    process.stdout.readline()
    refused(psdl("watch", model_file, folder, "--out", out, "--once"), "another psdl watch")
    assert ended(process, signal.SIGINT) == 0


def test_a_torn_last_line_is_cut_off(model_file, dropped, tmp_path):
    out = tmp_path / "out"
    assert psdl("watch", model_file, dropped, "--out", out, "--once", "--settle", "0").returncode == 0
    whole = rows(out)
    data = (out / "images.jsonl").read_bytes()
    os.truncate(out / "images.jsonl", len(data) - 40)
    assert psdl("watch", model_file, dropped, "--out", out, "--once", "--settle", "0").returncode == 0
    assert [row["path"] for row in rows(out)] == [row["path"] for row in whole]


@pytest.mark.slow
def test_the_watch_warns_of_another_lamp(tmp_path):
    rng = np.random.default_rng(0)
    Detector("fast").fit([good(rng) for _ in range(60)]).save(tmp_path / "part.psdl")
    for n in range(60):
        save(good(rng) * 0.6, tmp_path / "in" / f"{n:02}.png")
    folders = [tmp_path / "in", "--out", tmp_path / "out"]
    done = psdl("watch", tmp_path / "part.psdl", *folders, "--once", "--settle", "0")
    assert "images are darker than any learned from" in done.stderr
    assert rows(tmp_path / "out")[-1]["drift"]
    told = psdl("drift", tmp_path / "part.psdl", tmp_path / "out", "--fail")
    assert told.returncode == 1
    assert "darker" in told.stdout
