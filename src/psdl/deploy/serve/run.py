"""The server as a process: its socket, its signals, its end."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from psdl.deploy.registry import Shelf
from psdl.deploy.serve.bounds import Bounds
from psdl.deploy.serve.protocol import bounded
from psdl.errors import PsdlError

IDLE = 30  # seconds that a connection may stay open without a question


def tokens_of(file: Path | None, host: str) -> tuple[str, ...]:
    """The tokens of a file, one a line. Raises PsdlError on a file without any, and where there is no file but
    other machines could ask."""
    if file is None:
        if not _loopback(host):
            raise PsdlError(
                f"--host {host} lets other machines ask and no --token-file was given: give a file of tokens, one"
                " a line, or leave out --host"
            )
        return ()
    try:
        found = tuple(line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise PsdlError(f"{file} cannot be read ({error}): give a text file of tokens, one a line") from None
    if not found:
        raise PsdlError(f"{file} holds no token: write one a line, such as `openssl rand -hex 32` makes")
    return found


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises PsdlError where the address cannot be had."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        # TCP by name: else asyncio leaves Nagle's algorithm on, and answers wait 40 ms for a receipt
        found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
        return found
    except (OSError, OverflowError) as error:
        raise PsdlError(f"cannot listen on {host} port {port} ({error}): give another --host or --port") from None


def serve(
    app: FastAPI, shelf: Shelf, listener: socket.socket, bounds: Bounds, ready: Callable[[], None] = lambda: None
) -> None:
    """Answers until SIGTERM or SIGINT; then takes no new request and answers those that it has taken on. SIGHUP
    reads every model file again. `ready` is called once it answers."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    config = uvicorn.Config(
        app,
        http=bounded(bounds),
        log_config=None,
        access_log=False,
        ws="none",
        server_header=False,
        backlog=bounds.connections,
        timeout_keep_alive=IDLE,
        timeout_graceful_shutdown=int(3 * bounds.seconds) + 1,
    )
    asyncio.run(_answer(_Server(config), shelf, listener, ready))


class _Server(uvicorn.Server):
    """Leaves signals to us: its own way ends the process by the signal that it had caught."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _answer(
    server: uvicorn.Server, shelf: Shelf, listener: socket.socket, ready: Callable[[], None]
) -> None:
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[Sequence[str]]] = set()

    def again() -> None:
        task = asyncio.create_task(asyncio.to_thread(shelf.refresh, True))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def end() -> None:
        server.should_exit = True

    loop.add_signal_handler(signal.SIGHUP, again)
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, end)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not (server.started or serving.done()):
        await asyncio.sleep(0.01)
    if server.started:
        ready()
    await serving


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
