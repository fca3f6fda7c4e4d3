"""The studio as a process: its socket, its names, its signals, the browser that it opens."""

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
    """The project folder for one server at a time. Raises PsdlError where another one is at work on it."""
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
    """The names, with port, that a browser may call the server by; None: any, where a token says who asks."""
    if not where.near:
        return None
    return [f"{f'[{name}]' if ':' in name else name}:{port}" for name in (*HERE, where.host)]


def serve(app: FastAPI, studio: Studio, listener: socket.socket, ready: Callable[[], None]) -> None:
    """Answers until SIGTERM or SIGINT. `ready` is called once it does."""
    config = uvicorn.Config(
        app, log_level="error", access_log=False, ws="none", server_header=False, timeout_graceful_shutdown=3
    )
    asyncio.run(serve_until_stopped(Server(config), listener, ready, studio.hub.end))


def roots(allow: Sequence[Path], local: bool) -> list[Path]:
    """The folders that may be chosen from: those that are given, else all of this machine if only it may ask."""
    for path in allow:
        if not path.is_dir():
            raise PsdlError(f"no folder {path}: --allow names a folder that people may choose images from")
    return list(allow) or ([Path("/")] if local else [])
