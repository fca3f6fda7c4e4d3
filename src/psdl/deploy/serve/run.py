"""The server as a process: its socket, its signals and its end."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import ssl
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from psdl.deploy.serve.access import HERE, is_loopback
from psdl.deploy.serve.app import Parts
from psdl.deploy.serve.protocol import bounded
from psdl.errors import PsdlError

IDLE = 30  # seconds that a connection may stay open without a question


@dataclass(frozen=True)
class Where:
    """Where a server listens: on a host name and port, or on a Unix socket at the path `unix`. `certificate` and
    `key` are PEM files for TLS."""

    host: str = "127.0.0.1"
    port: int = 8100
    unix: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @property
    def near(self) -> bool:
        """Whether only this machine can reach the server."""
        return self.unix is not None or is_loopback(self.host)

    def check(self, tokens: bool) -> None:
        """Raises PsdlError if other machines could ask without a token (`tokens`: whether there are any), and if
        certificate and key cannot be used."""
        if not (self.near or tokens):
            raise PsdlError(
                f"--host {self.host} lets other machines ask and no --token-file was given: give a file of tokens,"
                " one a line, or leave out --host"
            )
        if (self.certificate is None) != (self.key is None):
            raise PsdlError("--certificate and --key belong together: give both, or neither")
        if self.certificate is not None:
            try:
                ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.certificate, self.key, lambda: "")
            except (OSError, ValueError) as error:
                raise PsdlError(
                    f"{self.certificate} and {self.key} are no certificate and its key ({error}): give PEM files"
                    " without a password"
                ) from None

    def names(self, allowed: Sequence[str]) -> tuple[str, ...] | None:
        """Returns the names allowed in the Host header of requests, see `Pages`, with those in `allowed`. None
        means any name: browsers cannot reach a Unix socket, and where other machines can ask, tokens decide."""
        if self.unix is not None or (not allowed and not self.near):
            return None
        return (*allowed, *HERE, *([self.host] if self.near else []))

    def listen(self) -> socket.socket:
        """Returns a socket that is bound to the address. Raises PsdlError if the address cannot be used."""
        return _listening(self.unix) if self.unix is not None else bind(self.host, self.port)

    def url(self, listener: socket.socket) -> str:
        """Returns the URL of the server that uses the socket `listener`."""
        if self.unix is not None:
            return f"unix:{self.unix}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.certificate else 'http'}://{host}:{listener.getsockname()[1]}"


def _listening(path: Path) -> socket.socket:
    """Returns a Unix socket that its user and group can connect to. It replaces one that no process listens on any
    more."""
    _give_way(path)
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        before = os.umask(0o117)
        try:
            found.bind(str(path))
        finally:
            os.umask(before)
    except OSError as error:
        found.close()
        raise PsdlError(f"cannot listen on {path} ({error}): give another --socket") from None
    return found


def _give_way(path: Path) -> None:
    """Removes a Unix socket that no process listens on any more. Raises PsdlError if the path is in use
    otherwise."""
    try:
        if stat.S_ISSOCK(path.stat().st_mode):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
                asking.connect(str(path))
        raise PsdlError(f"{path} is there already: stop who listens on it, or give another --socket")
    except ConnectionRefusedError:
        path.unlink()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise PsdlError(f"cannot listen on {path} ({error}): give another --socket") from None


def bind(host: str, port: int) -> socket.socket:
    """Returns a TCP socket that is bound to the address. Raises PsdlError if the address cannot be used."""
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
    served: FastAPI,
    parts: Parts,
    where: Where,
    listener: socket.socket,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Runs the server until SIGTERM or SIGINT; then it takes no new requests and finishes those that it has
    accepted.

    SIGHUP makes it read all model files and the tokens again. `ready` is called once the server answers. At the
    end all workers are ended and a Unix socket is removed.
    """
    _allow_files()
    bounds = parts.bounds
    config = uvicorn.Config(
        served,
        http=bounded(bounds),
        log_config=None,
        access_log=False,
        ws="none",
        server_header=False,
        proxy_headers=False,  # who asks is who connects: a header can say anything
        backlog=bounds.connections,
        timeout_keep_alive=IDLE,
        timeout_graceful_shutdown=int(3 * bounds.seconds) + 1,
        ssl_certfile=where.certificate,
        ssl_keyfile=where.key,
    )
    try:
        asyncio.run(_answer(Server(config), parts, listener, ready))
    finally:
        parts.line.end()
        if where.unix is not None:
            where.unix.unlink(missing_ok=True)


def log() -> None:
    """Sends the log of the server and its libraries to standard error."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # its tracebacks; ours are sentences
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)


def _allow_files() -> None:
    """Raises the limit on open files, and so on connections, to the most that the system allows."""
    try:
        import resource
    except ImportError:
        return
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard != resource.RLIM_INFINITY else 65_536, hard))


class Server(uvicorn.Server):
    """A uvicorn server that leaves signals to the caller; uvicorn's own handling ends the process by the signal it
    caught."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _answer(server: Server, parts: Parts, listener: socket.socket, ready: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()

    async def read() -> None:
        with parts.loops.round("hangup"):
            await asyncio.to_thread(parts.refresh, True)

    def again() -> None:
        if not tasks:  # what is being read is new enough
            tasks.add(task := asyncio.create_task(read()))
            task.add_done_callback(tasks.discard)

    loop.add_signal_handler(signal.SIGHUP, again)
    await serve_until_stopped(server, listener, ready)


async def serve_until_stopped(
    server: Server, listener: socket.socket, ready: Callable[[], None], ending: Callable[[], None] | None = None
) -> None:
    """Runs the server until SIGTERM or SIGINT. `ready` is called once it answers, `ending` when it is asked to
    stop."""

    def end() -> None:
        if ending:
            ending()
        server.should_exit = True

    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, end)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not (server.started or serving.done()):
        await asyncio.sleep(0.01)
    if server.started:
        ready()
    await serving
