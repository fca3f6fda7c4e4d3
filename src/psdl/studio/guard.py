"""Access control: a request must come from the studio's own page and, if there are tokens, bear one."""

from __future__ import annotations

from collections.abc import Sequence
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from psdl.deploy.serve.access import Tokens
from psdl.deploy.serve.bounds import Refused

COOKIE = "psdl-studio"
CHANGING = ("POST", "PUT", "PATCH", "DELETE")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self';"
    " font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SAID = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class Guard:
    """Refuses requests that do not come from the studio's own page or lack a token.

    These are requests with another Host than the server's (as after DNS rebinding), with an Origin or
    Sec-Fetch-Site of another page, and, if there are tokens, those below /api without a valid one. `hosts` are the
    names with ports of the server; None allows any.
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str] | None, tokens: Tokens) -> None:
        self.app, self.tokens = app, tokens
        self.hosts = None if hosts is None else {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        why = self._refusal(scope, Headers(scope=scope))
        if why:
            await JSONResponse({"error": why[1]}, why[0], headers=SAID)(scope, receive, send)
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SAID.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, sent)

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        method, path = scope["method"], scope["path"]
        own = headers.get("host", "").lower()
        if self.hosts is not None and own not in self.hosts:
            return 421, "this server does not go by that name: open the address that psdl studio printed"
        origin = headers.get("origin")
        if origin is not None and origin.lower().partition("://")[2] != own:
            return 403, "another page asked: only the studio's own page may"
        site = headers.get("sec-fetch-site", "none")
        opening = method == "GET" and path == "/" and headers.get("sec-fetch-mode") == "navigate"
        if site not in ("none", "same-origin") and not opening:
            return 403, "another page asked: only the studio's own page may"
        if path.startswith("/api/") and path != "/api/login":
            return refused(self.tokens, scope, _given(headers))
        return None


def refused(tokens: Tokens, scope: Scope, given: str) -> tuple[int, str] | None:
    """Returns status and sentence if the token of a request is not accepted; None if it is, or if none is
    needed."""
    known = [(name, value) for name, value in scope["headers"] if name != b"authorization"]
    bearing = [(b"authorization", f"Bearer {given}".encode("latin-1", "replace"))] if given else []
    try:
        tokens.check(Request({**scope, "headers": [*known, *bearing]}))
    except Refused as error:
        return error.status, error.sentence
    return None


def _given(headers: Headers) -> str:
    """Returns the token of a request, from its Authorization header or its cookie."""
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return bearer.strip()
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return cookie.value if cookie else ""
