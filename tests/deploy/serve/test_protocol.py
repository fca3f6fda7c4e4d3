"""What the HTTP protocol tells the server of a connection: how long ago it was last answered."""

from __future__ import annotations

import math
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from psdl.deploy.serve.bounds import Bounds
from psdl.deploy.serve.protocol import bounded, rested

ASK = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"


async def say_rest(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the seconds since the connection's last answer."""
    body = str(rested(scope)).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def port() -> Iterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(say_rest, http=bounded(Bounds()), log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join(20)


def asked(stream: socket.socket, request: bytes = ASK) -> list[float]:
    """The answers to what is sent."""
    stream.sendall(request)
    found = b""
    while found.count(b"\r\n\r\n") < request.count(b"\r\n\r\n") or found.endswith(b"\r\n\r\n"):
        found += stream.recv(1 << 16)
    return [float(answer.split(b"HTTP/1.1")[0]) for answer in found.split(b"\r\n\r\n")[1:]]


def test_a_connection_says_how_long_it_rested(port):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as stream:
        assert asked(stream) == [math.inf]
        assert asked(stream)[0] < 0.2
        time.sleep(0.3)
        assert 0.25 < asked(stream)[0] < 2
        assert asked(stream, 3 * ASK)[1:] == [0.0, 0.0], "questions that wait for an answer are not rested"
