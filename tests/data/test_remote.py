"""Data behind URLs, on a real server that speaks S3."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from psdl import PsdlError
from psdl.data import remote
from psdl.data.read import read
from tests.parts import good, psdl, refused, save
from tests.watch.test_watch import free_port

pytest.importorskip("s3fs")


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    """An S3 file system of a server of its own, with an empty bucket `parts`; the environment leads to it."""
    import s3fs

    port = free_port()
    server = subprocess.Popen(
        [Path(sys.executable).with_name("moto_server"), "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    for name, value in {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_ENDPOINT_URL": url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }.items():
        monkeypatch.setenv(name, value)
    deadline = time.monotonic() + 30
    while True:
        try:
            urllib.request.urlopen(url, timeout=1).close()
            break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    system = s3fs.S3FileSystem(skip_instance_cache=True)
    system.mkdir("parts")
    yield system
    server.kill()
    server.wait()


def test_learning_and_judging_from_a_bucket(bucket, tmp_path, mvtec):
    bucket.put(str(mvtec / "bolt"), "parts/set/bolt", recursive=True)
    done = psdl("run", "s3://parts/set", "--out", tmp_path / "out", "--recipe", "fast", "--groups", "given")
    assert done.returncode == 0, done.stderr
    assert "s3://parts/set: layout mvtec" in done.stdout
    here = psdl(
        "run", mvtec, "--category", "bolt", "--out", tmp_path / "here", "--recipe", "fast", "--groups", "given"
    )
    assert here.returncode == 0, here.stderr
    scores = [(tmp_path / name / "images.csv").read_text() for name in ("out", "here")]
    assert scores[0] == scores[1]
    model = tmp_path / "out/model.psdl"
    one = psdl("predict", model, "s3://parts/set/bolt/test/good/000.png")
    assert one.returncode == 0, one.stderr
    assert "000.png" in one.stdout


def test_only_what_changed_is_fetched_again(bucket, tmp_path):
    rng = np.random.default_rng(0)
    for n in range(4):
        bucket.put(str(save(good(rng), tmp_path / f"{n}.png")), f"parts/good/{n}.png")
    bucket.pipe("parts/good/notes.pdf", b"x")
    first = remote.fetched("s3://parts/good")
    times = {path.name: path.stat().st_mtime_ns for path in first.iterdir()}
    assert set(times) == {f"{n}.png" for n in range(4)}
    bucket.put(str(save(good(rng), tmp_path / "0.png")), "parts/good/0.png")
    bucket.rm("parts/good/3.png")
    code = (
        "from psdl.data import remote; print(remote.fetched('s3://parts/good'))"  # in another process, as users do
    )
    again = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert again.stdout.strip() == str(first)
    now = {path.name: path.stat().st_mtime_ns for path in first.iterdir()}
    assert set(now) == {"0.png", "1.png", "2.png"}
    assert {name for name in now if now[name] != times[name]} == {"0.png"}
    assert (first / "0.png").read_bytes() == (tmp_path / "0.png").read_bytes()


def test_other_file_systems_and_what_is_not_there(tmp_path, monkeypatch, mvtec):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = read(f"file://{mvtec}")
    assert {s.name for s in found.samples} == {s.name for s in read(mvtec).samples}
    import fsspec

    memory = fsspec.filesystem("memory")
    for n in range(3):
        memory.pipe(f"/good/{n}.png", save(good(np.random.default_rng(n)), tmp_path / f"{n}.png").read_bytes())
    assert len(read("memory://good").samples) == 3
    with pytest.raises(PsdlError, match="holds no image"):
        read("memory://nothing")
    with pytest.raises(PsdlError, match="cannot be read"):
        read("magic://nothing")
    refused(psdl("fit", "magic://no-such/bucket", "--model", tmp_path / "m"), "cannot be read")
