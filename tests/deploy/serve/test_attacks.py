"""Requests made to take memory, places or cores from others: they are bounded, and others are answered."""

from __future__ import annotations

import io
import socket
import struct
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import httpx
import numpy as np
import psutil
import pytest
from PIL import Image

from psdl.deploy.client import Unscored, score
from tests.deploy.serve.conftest import Server

HEAD = b"POST /v1/score HTTP/1.1\r\nhost: localhost\r\ncontent-type: image/png\r\n"
JPEG = {"content-type": "image/jpeg"}


def png(height: int, width: int) -> bytes:
    data = io.BytesIO()
    Image.fromarray(np.zeros((height, width), np.uint8)).save(data, "PNG")
    return data.getvalue()


def flat(side: int) -> bytes:
    """A PNG of side x side pixels, all black, which is small."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 + side)) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def scans(count: int) -> bytes:
    """A progressive JPEG whose last scan comes so many times."""
    data = io.BytesIO()
    Image.fromarray(np.zeros((400, 400), np.uint8)).save(data, "JPEG", progressive=True)
    whole = data.getvalue()
    start = whole.rfind(b"\xff\xda")
    return whole[:-2] + whole[start:-2] * count + b"\xff\xd9"


GOOD = png(96, 128)


def form(*files: bytes, end: bytes = b"--b--\r\n") -> bytes:
    head = b'--b\r\nContent-Disposition: form-data; name="images"; filename="%d.png"\r\n\r\n'
    return b"".join(head % n + file + b"\r\n" for n, file in enumerate(files)) + end


def sent(server: Server, start: bytes, piece: bytes, most: int) -> int:
    """Bytes that the server takes of an endless stream of pieces before it closes the connection."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as stream:
        stream.sendall(start)
        count = 0
        with suppress(OSError):
            while count < most:
                stream.sendall(piece)
                count += len(piece)
    return count


MANY = 50_000_000
STREAMS = {
    "trailers": (
        HEAD + b"transfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n",
        b"x-filler: " + b"y" * 1000 + b"\r\n",
    ),
    "chunk extensions": (HEAD + b"transfer-encoding: chunked\r\n\r\n1", b";" + b"y" * 1000),
    "a second head": (
        HEAD + b"content-length: %d\r\n\r\n" % len(GOOD) + GOOD + b"GET / HTTP/1.1\r\n",
        b"x: " + b"y" * 1000 + b"\r\n",
    ),
    "a head": (b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n", b"x: " + b"y" * 1000 + b"\r\n"),
    "heads that are not asked for": (b"", b"GET /" + b"y" * 1000 + b" HTTP/9.9\r\n\r\n"),
}


@pytest.mark.parametrize("kind", STREAMS)
def test_bytes_are_bounded_whatever_they_are(server, kind):
    before = psutil.Process(server.process.pid).memory_info().rss
    assert sent(server, *STREAMS[kind], MANY) < MANY
    assert psutil.Process(server.process.pid).memory_info().rss - before < 50_000_000
    assert httpx.get(f"{server.url}/healthz", timeout=20).status_code == 200


def test_who_sends_without_an_end_waits_between_connections(server):
    end, cut = time.monotonic() + 3, 0
    while time.monotonic() < end:
        assert sent(server, *STREAMS["trailers"], MANY) < MANY
        cut += 1
    assert cut <= 5, "each is kept waiting for a second, which costs the server nothing"
    assert score(server.url, GOOD, timeout=30).scored


def test_bodies_that_do_not_come_keep_nobody_waiting(start, model_file):
    server = start(model_file)
    with ExitStack() as stack:
        for _ in range(160):  # more than may arrive at a time
            one = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=20))
            one.sendall(HEAD + b"content-length: 90000\r\n\r\nx")
        time.sleep(1.5)
        for _ in range(5):
            assert score(server.url, GOOD, timeout=30).scored
        idle = [
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=20))
            for _ in range(500)
        ]
        assert idle
        assert httpx.get(f"{server.url}/healthz", timeout=30).status_code == 200
    assert server.end() == 0
    assert "Traceback" not in server.log.read_text()


def test_large_pictures_are_judged_apart_within_their_memory(start, model_file):
    server = start(model_file, "--seconds", "60")
    bomb = flat(7000)
    with ThreadPoolExecutor(4) as pool:
        bombs = [
            pool.submit(httpx.post, f"{server.url}/v1/score", content=bomb, headers=JPEG, timeout=120)
            for _ in range(3)
        ]
        time.sleep(0.5)
        for _ in range(3):
            start_of_one = time.monotonic()
            assert score(server.url, GOOD, timeout=60).scored
            assert time.monotonic() - start_of_one < 20  # beside three of 49 million pixels
        answers = [one.result() for one in bombs]
    assert {answer.status_code for answer in answers} <= {200, 503}
    assert psutil.Process(server.process.pid).memory_info().rss < 600_000_000
    assert server.end() == 0


def test_many_scans_are_refused_and_few_are_not(server):
    found = httpx.post(f"{server.url}/v1/score", content=scans(2000), headers=JPEG)
    assert (found.status_code, "scans" in found.json()["error"]) == (422, True)
    assert score(server.url, scans(3)).scored


def test_each_file_of_a_form_has_its_own_verdict_or_error(server):
    found = score(server.url, [GOOD, b"junk" * 50, png(500, 500), GOOD[:60]])
    assert [type(one).__name__ for one in found.results] == ["Scored", "Unscored", "Unscored", "Unscored"]
    bad = [one for one in found.results if isinstance(one, Unscored)]
    assert [one.status for one in bad] == [422, 413, 422]
    assert all(one.name in one.error for one in bad)
    assert found.scored[0].score == score(server.url, GOOD).scored[0].score


@pytest.mark.parametrize("end", [b"", b"--b", b"--b\r\n", b"--b-"])
def test_a_form_that_is_cut_short_is_no_form(server, end):
    whole = form(GOOD, GOOD)
    kind = {"content-type": "multipart/form-data; boundary=b"}
    assert len(httpx.post(f"{server.url}/v1/score", content=whole, headers=kind).json()["results"]) == 2
    for cut in (form(GOOD, GOOD, end=end), form(GOOD, GOOD[:-20], end=end)[:-2]):
        answer = httpx.post(f"{server.url}/v1/score", content=cut, headers=kind)
        assert answer.status_code == 422
        assert "form" in answer.json()["error"]


def test_a_body_that_ends_with_its_connection_leaves_nothing_behind(server):
    for content in (b"content-length: 900\r\n\r\nx", b"transfer-encoding: chunked\r\n\r\n5\r\nx"):
        with socket.create_connection(("127.0.0.1", server.port)) as gone:
            gone.sendall(HEAD + content)
    time.sleep(0.5)
    assert "psdl_queue 0.0" in httpx.get(f"{server.url}/metrics").text
    assert "Traceback" not in server.log.read_text()


def test_a_query_that_cannot_be_taken_is_one_sentence(server):
    answer = httpx.post(f"{server.url}/v1/score?map=exe", content=GOOD, headers=JPEG)
    assert answer.status_code == 422
    assert answer.json()["error"].startswith("the query's map")
