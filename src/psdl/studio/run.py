"""The studio as a process: its lock, its host names, its server loop, and the folders that it may show."""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from psdl.deploy.serve.access import HERE
from psdl.deploy.serve.run import Server, Where, serve_until_stopped
from psdl.errors import PsdlError
from psdl.studio.studio import Studio


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Locks the project folder for one server; use `with`. Raises PsdlError if another one holds it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise PsdlError(f"{folder} cannot be a project ({error}): give a folder that can be written") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise PsdlError(
            f"another psdl studio is at work on {folder}: open its page, or give another folder"
        ) from None
    try:
        yield
    finally:
        os.close(lock)


def names(where: Where, port: int) -> list[str] | None:
    """Returns the host names, with port, of the server; None, which allows any, if others may use it with a
    token."""
    if not where.near:
        return None
    return [f"{f'[{name}]' if ':' in name else name}:{port}" for name in (*HERE, where.host)]


def serve(app: FastAPI, studio: Studio, listener: socket.socket, ready: Callable[[], None]) -> None:
    """Serves until SIGTERM or SIGINT. `ready` is called once the server answers."""
    config = uvicorn.Config(
        app, log_level="error", access_log=False, ws="none", server_header=False, timeout_graceful_shutdown=3
    )
    asyncio.run(serve_until_stopped(Server(config), listener, ready, studio.hub.end))


def roots(allow: Sequence[Path], local: bool) -> list[Path]:
    """Returns the folders that people may choose from: the given ones, or all of this machine if only this machine
    is served. Raises PsdlError on a folder that does not exist."""
    for path in allow:
        if not path.is_dir():
            raise PsdlError(f"no folder {path}: --allow names a folder that people may choose images from")
    return list(allow) or ([Path("/")] if local else [])
