"""What a server refuses, each in one sentence, and that it goes on afterwards."""

from __future__ import annotations

import io
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest
from PIL import Image

from psdl import PsdlError
from psdl.deploy.client import score
from tests.parts import psdl, refused

JPEG = {"content-type": "image/jpeg"}


def png(height: int, width: int) -> bytes:
    data = io.BytesIO()
    Image.fromarray(np.zeros((height, width), np.uint8)).save(data, "PNG")
    return data.getvalue()


GOOD = png(96, 128)
CASES = {
    "no image": (b"", JPEG, 422, "holds no image"),
    "text": (b"hello" * 50, JPEG, 422, "not an image"),
    "cut short": (GOOD[:60], JPEG, 422, "image"),
    "JSON": (b"{}", {"content-type": "application/json"}, 415, "multipart/form-data"),
    "large body": (b"x" * 1_000_001, JPEG, 413, "1,000,000"),
    "large picture": (png(500, 500), JPEG, 413, "500 x 500"),
    "no boundary": (b"x", {"content-type": "multipart/form-data"}, 422, "form"),
    "torn form": (b"--b\r\nx", {"content-type": "multipart/form-data; boundary=b"}, 422, "form"),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_requests_are_refused_with_a_sentence(server, case):
    body, headers, status, word = CASES[case]
    answer = httpx.post(f"{server.url}/v1/score", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert word in answer.json()["error"]


def test_too_many_images_and_an_unknown_model(server):
    with pytest.raises(PsdlError, match=r"422.*Maximum number of files is 4"):
        score(server.url, [GOOD] * 5)
    with pytest.raises(PsdlError, match=r"404.*unknown model 'nut'.*bolt"):
        score(server.url, GOOD, model="nut")
    assert httpx.get(f"{server.url}/other").json()["error"].startswith("no such question")


def test_a_body_that_says_no_length_is_bounded_too(server):
    answer = httpx.post(f"{server.url}/v1/score", content=iter([b"x" * 400_000] * 5), headers=JPEG)
    assert answer.status_code == 413


def test_slow_and_endless_heads_lose_their_connection(server):
    with socket.create_connection(("127.0.0.1", server.port)) as endless:
        endless.sendall(b"GET /healthz HTTP/1.1\r\n")
        endless.settimeout(10)
        sent = 0
        while sent < 4_000_000:
            try:
                endless.sendall(b"x-filler: " + b"y" * 1000 + b"\r\n")
            except OSError:  # reset or broken, as the system has it
                break
            sent += 1000
        assert sent < 4_000_000
    assert httpx.get(f"{server.url}/healthz").status_code == 200


def test_a_slow_body_is_given_up(server):
    with socket.create_connection(("127.0.0.1", server.port)) as slow:
        slow.sendall(
            b"POST /v1/score HTTP/1.1\r\nhost: localhost\r\ncontent-type: image/png\r\ncontent-length: 900\r\n\r\n"
        )
        slow.settimeout(10)
        assert b" 408 " in slow.recv(1000)


@pytest.mark.slow
def test_five_hundred_hostile_requests_leave_it_serving(server):
    rng = np.random.default_rng(0)
    whole = [(content, headers) for content, headers, _, _ in CASES.values()]
    whole += [(GOOD[: int(rng.integers(1, len(GOOD)))], JPEG) for _ in range(20)]
    raw = [b"\x00\xff" * 40, b"GET / HTTP/9.9\r\n\r\n", b"POST /v1/score HTTP/1.1\r\n", b"\r\n\r\n", b"A" * 20_000]

    def attack(n: int) -> int:
        if n % 5 == 4:
            with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
                connection.sendall(raw[n % len(raw)])
            return 400
        content, headers = whole[n % len(whole)]
        return httpx.post(f"{server.url}/v1/score", content=content, headers=headers, timeout=20).status_code

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(attack, range(500)))
    assert {status for status in found if not 400 <= status < 500} == set()
    assert score(server.url, GOOD).results[0].verdict in ("OK", "REVIEW", "NG")


def test_a_full_queue_says_so_at_once_and_slow_bodies_do_not_fill_it(start, model_file):
    server = start(model_file, "--queue", "1", "--seconds", "20")

    def ask(_: int) -> httpx.Response:
        return httpx.post(f"{server.url}/v1/score", content=png(1400, 1400), headers=JPEG, timeout=60)

    with socket.create_connection(("127.0.0.1", server.port)) as slow:
        slow.sendall(
            b"POST /v1/score HTTP/1.1\r\nhost: localhost\r\ncontent-type: image/png\r\ncontent-length: 900\r\n\r\n"
        )
        time.sleep(0.3)
        assert ask(0).status_code == 200
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(16)))
    assert {answer.status_code for answer in answers} == {200, 429}
    assert {answer.headers.get("retry-after") for answer in answers if answer.status_code == 429} == {"1"}
    assert ask(0).status_code == 200


def test_tokens(start, model_file, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text("first\nsecond\n")
    server = start(model_file, "--token-file", tokens)
    assert score(server.url, GOOD, token="second").results
    for token in (None, "third", "firs", "firstt", "f\u00efrst"):
        headers = JPEG | ({"authorization": f"Bearer {token}".encode()} if token else {})
        assert httpx.post(f"{server.url}/v1/score", content=GOOD, headers=headers).status_code == 401
    assert httpx.get(f"{server.url}/v1/models").status_code == 401
    assert httpx.get(f"{server.url}/metrics").status_code == 401
    assert httpx.get(f"{server.url}/healthz").status_code == 200


def test_what_cannot_start_says_why(model_file, tmp_path):
    refused(psdl("serve", model_file, "--host", "0.0.0.0"), "--token-file")
    refused(psdl("serve", model_file, "--token-file", tmp_path / "none"), "cannot be read")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "empty").chmod(0o600)
    refused(psdl("serve", model_file, "--token-file", tmp_path / "empty"), "no token")
    refused(psdl("serve", model_file, "--max-body", "much"), "--max-body")
    refused(psdl("serve", tmp_path), "no model files")
    refused(psdl("serve", model_file, model_file), "both be the model")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused(psdl("serve", model_file, "--port", taken.getsockname()[1]), "cannot listen")


def test_a_client_that_goes_away_in_the_middle_of_a_body_leaves_no_trace(server):
    """The fixture looks for tracebacks in the log at its end."""
    for kind in ("image/png", "multipart/form-data; boundary=x"):
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            head = f"POST /v1/score HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: 9000\r\n\r\n"
            client.sendall(head.encode() + b"--x\r\n")
            time.sleep(0.2)
    time.sleep(0.5)
    assert httpx.get(f"{server.url}/readyz").status_code == 200
    assert "Traceback" not in server.log.read_text()
