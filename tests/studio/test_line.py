"""Story 7: a watched folder, a camera behind an address, and a server's last images, live and newest first."""

from __future__ import annotations

import base64
import http.server
import io
import json
import re
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from psdl.errors import PsdlError
from psdl.studio import camera
from tests import parts


def rows(project: Path) -> list[dict]:
    """The lines of the journals of a project's line."""
    files = sorted((project / "line").glob("*/images.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def jpeg(pixels: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "JPEG", quality=95)
    return content.getvalue()


def test_a_watched_folder_shows_verdicts_as_they_come(start, opened, project):
    """And a server after this one goes on watching."""
    studio = start(project)
    folder, rng = project.parent / "camera", np.random.default_rng(9)
    parts.save(parts.defective(rng)[0], folder / "first.png")
    page = opened(studio, "line")
    page.get_by_role("button", name="Choose the folder…").click()
    page.get_by_label("Folder", exact=True).fill(str(folder))
    page.get_by_role("button", name="Go").click()
    page.get_by_role("button", name="Watch this folder").click()
    expect(page.locator(".cell .badge.NG")).to_have_count(1)
    parts.save(parts.good(rng), folder / "second.png")
    expect(page.locator(".cell")).to_have_count(2)
    expect(page.locator(".cell").first).to_contain_text("second.png")
    page.locator(".cell").last.click()
    expect(page.locator("dialog .verdict")).to_contain_text("unlike the good parts")
    expect(page.locator("dialog .layers rect").first).to_be_attached()
    page.keyboard.press("Escape")
    page.close()
    assert studio.end() == 0
    parts.save(parts.good(rng), folder / "third.png")
    again = start(project)
    again.until(lambda _: again.get("line")["count"] == 3)
    assert [row["path"] for row in rows(project)] == ["first.png", "second.png", "third.png"]


@pytest.mark.slow
def test_another_model_in_use_judges_the_line_from_then_on(start, project):
    studio = start(project)
    folder, rng = project.parent / "camera", np.random.default_rng(3)
    parts.save(parts.defective(rng)[0], folder / "first.png")
    studio.post("line", {"kind": "folder", "where": str(folder)})
    studio.until(lambda _: studio.get("line")["count"] == 1)
    studio.post("edit", {"threshold": 1e6})
    studio.until(lambda state: state["model"] == "002")
    studio.until(lambda state: state["line"]["model"] == "002")
    parts.save(parts.defective(rng)[0], folder / "second.png")
    studio.until(lambda _: studio.get("line")["count"] == 2)
    assert [row["verdict"] for row in rows(project)] == ["NG", "REVIEW"]


class _Camera(http.server.ThreadingHTTPServer):
    """A camera: /snapshot gives its picture, /stream its pictures as they change, /broken something else,
    /locked its picture to who knows the password."""

    daemon_threads = True
    picture = b""
    changed: threading.Event

    def show(self, pixels: np.ndarray) -> None:
        self.picture = jpeg(pixels)
        self.changed.set()


class _Answer(http.server.BaseHTTPRequestHandler):
    server: _Camera

    def do_GET(self) -> None:
        known = base64.b64encode(b"me:se@cret").decode()
        if self.path == "/locked" and self.headers["Authorization"] != f"Basic {known}":
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="camera"')
            self.end_headers()
            return
        self.send_response(200)
        if self.path == "/stream":
            self.send_header("Content-Type", 'multipart/x-mixed-replace; boundary="--frame"')
            self.end_headers()
            self._stream()
            return
        self.send_header("Content-Type", "image/jpeg")
        self.end_headers()
        self.wfile.write(b"no picture" if self.path == "/broken" else self.server.picture)

    def _stream(self) -> None:
        while True:
            head = f"Content-Type: image/jpeg\r\nContent-Length: {len(self.server.picture)}\r\n\r\n"
            try:
                self.wfile.write(b"--frame\r\n" + head.encode() + self.server.picture + b"\r\n")
            except OSError:
                return
            self.server.changed.wait(0.2)

    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def filmed() -> Iterator[_Camera]:
    server = _Camera(("127.0.0.1", 0), _Answer)
    server.changed = threading.Event()
    server.show(parts.good(np.random.default_rng(1)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("path", [pytest.param("snapshot", marks=pytest.mark.slow), "stream"])
def test_a_camera_behind_an_address_is_judged(start, opened, project, filmed, path):
    """A picture that does not change is judged once; what changes is there within moments, the newest first."""
    studio = start(project)
    page = opened(studio, "line")
    page.get_by_label("Address or number").fill(f"http://127.0.0.1:{filmed.server_port}/{path}")
    page.get_by_label("A picture every").select_option("0.2")
    page.get_by_role("button", name="Use this camera").click()
    expect(page.locator(".cell")).to_have_count(1)
    filmed.show(parts.defective(np.random.default_rng(2))[0])
    expect(page.locator(".cell").first.locator(".badge")).to_have_text("NG")
    expect(page.locator(".cell")).to_have_count(2)
    assert page.locator(".cell img").first.evaluate("one => one.decode().then(() => one.naturalWidth)") > 100
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Use this camera")).to_be_visible()
    assert [row["verdict"] for row in rows(project)][-1] == "NG"


def test_a_camera_that_fails_is_said_and_taken_up_again(start, project, filmed):
    studio = start(project)
    address = f"http://127.0.0.1:{filmed.server_port}"
    studio.post("line", {"kind": "camera", "where": f"{address}/broken", "every": 0.2})
    studio.until(lambda state: "what the camera sends" in state["line"]["problem"])
    studio.post("line", {"kind": "camera", "where": "http://127.0.0.1:9/snapshot"})
    studio.until(lambda state: "gives no picture" in state["line"]["problem"])
    studio.post("line", {"kind": "camera", "where": "rtsp://127.0.0.1:9/video"})
    studio.until(lambda state: "does not open" in state["line"]["problem"])
    studio.post("line", {"kind": "camera", "where": f"{address}/snapshot", "every": 0.2})
    studio.until(lambda _: studio.get("line")["count"] == 1)
    assert studio.get("state")["line"]["problem"] == ""


def test_a_camera_may_ask_for_name_and_password(start, project, filmed):
    """Which are shown nowhere, and kept in a file that nobody else may read."""
    studio = start(project)
    address = f"127.0.0.1:{filmed.server_port}/locked"
    studio.post("line", {"kind": "camera", "where": f"http://{address}", "every": 0.2})
    studio.until(lambda state: "gives no picture" in state["line"]["problem"])
    studio.post("line", {"kind": "camera", "where": f"http://me:se%40cret@{address}", "every": 0.2})
    studio.until(lambda _: studio.get("line")["count"] == 1)
    assert studio.get("line")["where"] == f"http://{address}"
    assert (project / "line/line.json").stat().st_mode & 0o077 == 0


def stream(told: bool) -> bytes:
    """Three parts, with their lengths or without."""
    length = "Content-Length: 5\r\n" if told else ""
    part = f"--mark\r\nContent-Type: image/jpeg\r\n{length}\r\n"
    return "".join(f"{part}{body}\r\n" for body in ("first", "secnd", "third")).encode() + b"--mark--\r\n"


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("step", [1, 7, 1000])
def test_a_stream_is_cut_into_its_parts_however_its_bytes_come(told, step):
    source = io.BytesIO(stream(told))
    assert list(camera.parts(lambda _: source.read(step), b"mark")) == [b"first", b"secnd", b"third"]


def test_a_stream_without_end_is_refused(monkeypatch):
    monkeypatch.setattr(camera, "MOST", 100_000)
    with pytest.raises(PsdlError, match="a picture of more than"):
        list(camera.parts(lambda n: b"x" * n, b"mark"))


def test_the_folder_of_a_camera_keeps_the_newest(tmp_path, monkeypatch):
    monkeypatch.setattr(camera, "KEPT", 3)
    rng = np.random.default_rng(0)
    kept = []
    for _ in range(5):
        threading.Event().wait(0.002)
        kept.append(camera.keep(tmp_path, jpeg(parts.good(rng))).name)
    assert sorted(file.name for file in tmp_path.iterdir()) == kept[-3:]
    with pytest.raises(PsdlError, match="what the camera sends"):
        camera.keep(tmp_path, b"no picture at all")


def test_opencv_gives_pictures(tmp_path):
    """A film in place of a camera, which this test has none of."""
    cv2 = pytest.importorskip("cv2")
    film, rng = str(tmp_path / "film.avi"), np.random.default_rng(0)
    writer = cv2.VideoWriter(film, cv2.VideoWriter_fourcc(*"MJPG"), 10, (128, 96))
    if not writer.isOpened():
        pytest.skip("this OpenCV writes no films")
    for _ in range(3):
        writer.write(parts.good(rng)[..., ::-1])
    writer.release()
    found = []
    with pytest.raises(PsdlError, match="any more"):
        found.extend(camera.pictures(film, 0))
    with pytest.raises(PsdlError, match="does not open"):
        next(camera.pictures("99", 0))
    for content in camera.pictures(film, 0):
        assert Image.open(io.BytesIO(content)).size == (128, 96)
        break


@pytest.fixture
def serving(project, tmp_path):
    """Starts `psdl serve --last 5` with the project's model; returns its address."""
    begun: list[subprocess.Popen[str]] = []

    def one(port: int = 0) -> str:
        command = [sys.executable, "-m", "psdl.cli.main", "serve", str(project / "models/001.psdl")]
        with (tmp_path / "serve-log").open("a") as log:
            process = subprocess.Popen(
                [*command, "--port", str(port), "--last", "5"], stdout=subprocess.PIPE, stderr=log, text=True
            )
        begun.append(process)
        said = next(line for line in process.stdout if "listening" in line)
        return re.findall(r"http://[\w.:]+:\d+/", said)[0]

    yield one, begun
    for process in begun:
        process.terminate()
        process.wait(30)
        process.stdout.close()


def judge(address: str, pixels: np.ndarray) -> None:
    asked = urllib.request.Request(f"{address}v1/score", jpeg(pixels), {"Content-Type": "image/jpeg"})
    with urllib.request.urlopen(asked, timeout=60) as answer:
        assert answer.status == 200


def test_a_servers_last_images_are_shown_live(start, opened, project, serving):
    serve, begun = serving
    address, rng = serve(), np.random.default_rng(4)
    judge(address, parts.good(rng))
    studio = start(project)
    page = opened(studio, "line")
    page.get_by_label("Address", exact=True).fill(address)
    page.get_by_role("button", name="Show its images").click()
    expect(page.locator(".cell")).to_have_count(1)
    judge(address, parts.defective(rng)[0])
    expect(page.locator(".cell").first.locator(".badge")).to_have_text("NG")
    assert page.locator(".cell img").first.evaluate("one => one.decode().then(() => one.naturalWidth)") > 100
    begun[0].terminate()
    begun[0].wait(30)
    expect(page.get_by_role("alert")).to_contain_text("does not answer")
    assert serve(int(address.rstrip("/").rpartition(":")[2])) == address
    judge(address, parts.good(rng))
    expect(page.locator(".cell")).to_have_count(3)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_what_is_no_server_is_said(start, project, filmed):
    studio = start(project)
    status, said = studio.ask("POST", "api/line", {"kind": "server", "where": "file:///etc/passwd"})
    assert (status, "no server's address" in said["error"]) == (422, True)
    studio.post("line", {"kind": "server", "where": f"http://127.0.0.1:{filmed.server_port}/snapshot"})
    studio.until(lambda state: "does not answer as psdl serve does" in state["line"]["problem"])


def test_a_studio_of_several_people_asks_no_addresses(start, project, tmp_path):
    """Whoever bears a token could else have it ask what only its machine may."""
    tokens = tmp_path / "tokens"
    tokens.write_text("open-sesame\n")
    tokens.chmod(0o600)
    studio = start(project, "--host", "0.0.0.0", "--token-file", tokens)
    studio.url = re.sub(r"//[\d.]+:", "//127.0.0.1:", studio.url)
    studio.headers = {"Authorization": "Bearer open-sesame"}
    for kind in ("camera", "server"):
        status, said = studio.ask("POST", "api/line", {"kind": kind, "where": "http://127.0.0.1:9/"})
        assert (status, "asks no addresses" in said["error"]) == (422, True)
