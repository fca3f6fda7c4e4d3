"""Access control: bearer tokens from a file, a limit on wrong tokens, and refusal of requests by foreign web
pages."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import logging
import os
import stat
import time
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from psdl.deploy.serve.bounds import Refused
from psdl.errors import PsdlError

LOG = logging.getLogger("psdl")
MINUTE = 60.0
CLIENTS = 10_000  # of which wrong tokens, and right ones, are remembered
HERE = ("localhost", "127.0.0.1", "::1")  # names of this machine, for itself


class Tokens:
    """The tokens in a file, one a line. Blank lines and lines that begin with # are ignored. Without a file
    everybody has access. `guesses` is the number of wrong tokens that one client may give in a minute.

    Raises PsdlError if the file cannot be read, holds no token or one that a header cannot carry, or can be
    written by others than its owner.
    """

    def __init__(self, file: Path | None = None, guesses: int = 10) -> None:
        self.file, self.guesses = file, guesses
        self._known = _tokens(file) if file else ()
        self._wrong: OrderedDict[str, tuple[float, float]] = OrderedDict()  # client -> how many, when
        self._right: OrderedDict[tuple[str, bytes], None] = OrderedDict()  # clients with the tokens they gave

    def __len__(self) -> int:
        return len(self._known)

    def read(self) -> None:
        """Reads the file again; tokens that it no longer holds become invalid. Raises PsdlError like the
        constructor and then keeps the tokens as they were."""
        if self.file:
            self._known = _tokens(self.file)

    def check(self, request: Request) -> None:
        """Raises Refused (401) unless a request has one of the tokens. A client that gave too many wrong tokens is
        refused (429) for a while, except with a token that it gave correctly before."""
        if not self.file:
            return
        client = client_of(request)
        given = request.headers.getlist("authorization")
        scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        secret = token.strip().encode("latin-1", "replace")
        pair = client, hashlib.sha256(secret).digest()
        if pair not in self._right and self._wrongs(client) > self.guesses - 1:
            raise Refused(429, "too many wrong tokens: come again in a minute", unread=True)
        same = [hmac.compare_digest(secret, known) for known in self._known]
        if scheme.lower() == "bearer" and any(same):
            _remember(self._right, pair, None)
            return
        self._right.pop(pair, None)
        if given:
            _remember(self._wrong, client, (self._wrongs(client) + 1, time.monotonic()))
        raise Refused(401, "no bearer token that this server knows: send Authorization: Bearer TOKEN", unread=True)

    def _wrongs(self, client: str) -> float:
        """Returns the number of wrong tokens of a client; it declines steadily, a full count to zero within a
        minute."""
        count, when = self._wrong.get(client, (0.0, 0.0))
        return max(0.0, count - (time.monotonic() - when) * self.guesses / MINUTE)


class Pages:
    """ASGI middleware that refuses requests that a browser sends on behalf of a page of another site.

    `hosts` are the names allowed in the Host header, which prevents DNS rebinding; None allows all. A request
    whose Origin is not the server's own, or whose Sec-Fetch-Site header names another site, is refused in any
    case.
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str] | None) -> None:
        self.app = app
        self.hosts = None if hosts is None else {host.lower().strip("[]") for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = self._problem(scope) if scope["type"] == "http" else None
        if problem is None:
            await self.app(scope, receive, send)
            return
        status, sentence = problem
        data = json.dumps({"error": sentence}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(data))]
        headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": data})

    def _problem(self, scope: Scope) -> tuple[int, str] | None:
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        origins = [value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"]
        sites = [value for name, value in scope["headers"] if name == b"sec-fetch-site"]
        if len(hosts) > 1 or (self.hosts is not None and (not hosts or _name(hosts[0]) not in self.hosts)):
            return 421, f"the Host header is {', '.join(hosts)!r}: call the server by its name, or allow that one"
        own = f"{scope['scheme']}://{hosts[0].lower()}" if hosts else ""
        if any(origin.lower() != own for origin in origins) or set(sites) - {b"same-origin", b"none"}:
            return 403, "a page of another site may not ask this server"
        return None


def client_of(request: Request) -> str:
    """Returns who sent a request: its IP address, or for IPv6 the network of 64 bits that it belongs to; "local"
    if there is no address."""
    host = request.client.host if request.client else "local"
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    return host if address.version == 4 else str(ipaddress.ip_network((address, 64), strict=False))


def is_loopback(host: str) -> bool:
    """Returns whether a host name or address is one that only this machine can reach."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _name(host: str) -> str:
    """Returns the name in a Host header without its port, in small letters; empty if the header has none."""
    try:
        return (urlsplit(f"//{host.strip()}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _tokens(file: Path) -> tuple[bytes, ...]:
    try:
        _check_rights(file)
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise PsdlError(f"{file} cannot be read ({error}): give a text file of tokens, one a line") from None
    found = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
    if not found:
        raise PsdlError(f"{file} holds no token: write one a line, such as `openssl rand -hex 32` makes")
    if odd := next((n for n, token in enumerate(found, 1) if not token.isascii() or len(token.split()) > 1), None):
        raise PsdlError(
            f"token {odd} of {file} holds blanks or letters beyond ASCII, which no header bears: change it"
        )
    if hasattr(os, "getuid") and file.stat().st_mode & 0o004:
        LOG.warning("%s can be read by every user of this machine: chmod o-r %s", file, file)
    return tuple(token.encode() for token in found)


def _check_rights(file: Path) -> None:
    """Raises PsdlError if others than the owner can write the file, since they could add a token, or if it is no
    regular file."""
    found = file.stat()
    if not stat.S_ISREG(found.st_mode):
        raise PsdlError(f"{file} is no regular file: give a text file of tokens, one a line")
    if hasattr(os, "getuid") and (found.st_mode & 0o022 or found.st_uid not in (0, os.getuid())):
        raise PsdlError(f"{file} can be written by others than its owner: chmod go-w {file}, and own it")


def _remember(known: OrderedDict, key: object, value: object) -> None:  # type: ignore[type-arg]
    known[key] = value
    known.move_to_end(key)
    while len(known) > CLIENTS:
        known.popitem(last=False)
