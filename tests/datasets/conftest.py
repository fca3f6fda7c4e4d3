"""A real server that speaks S3."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from psdl.input import urls
from tests.deploy.watch.test_watch import free_port


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
    s3fs.S3FileSystem.clear_instance_cache()  # which know another server
    urls._located.cache_clear()
    system = s3fs.S3FileSystem(skip_instance_cache=True)
    system.mkdir("parts")
    yield system
    server.kill()
    server.wait()
