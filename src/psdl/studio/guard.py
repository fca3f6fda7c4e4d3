"""Who may ask: this machine's own page, or whoever bears a token; never another page in the same browser."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
    """Refuses a request whose Host is not the server's (a name that was made to lead here), whose Origin or
    Sec-Fetch-Site tells of another page, and, where there are tokens, one below /api that bears none of them."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str], tokens: Sequence[str] = ()) -> None:
        self.app, self.hosts = app, {host.lower() for host in hosts}
        self.tokens = [token.encode() for token in tokens]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        why = self._refusal(scope["method"], scope["path"], Headers(scope=scope))
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

    def _refusal(self, method: str, path: str, headers: Headers) -> tuple[int, str] | None:
        if headers.get("host", "").lower() not in self.hosts:
            return 421, "this server does not go by that name: open the address that psdl studio printed"
        origin = headers.get("origin")
        if origin is not None and origin.lower().partition("://")[2] not in self.hosts:
            return 403, "another page asked: only the studio's own page may"
        site = headers.get("sec-fetch-site", "none")
        opening = method == "GET" and path == "/" and headers.get("sec-fetch-mode") == "navigate"
        if site not in ("none", "same-origin") and not opening:
            return 403, "another page asked: only the studio's own page may"
        if self.tokens and path.startswith("/api/") and path != "/api/login" and not self.known(_given(headers)):
            return 401, "no token that this server knows: enter one of those in its token file"
        return None

    def known(self, given: str) -> bool:
        """Whether it is one of the tokens, each compared in constant time; where there are none so is all."""
        same = [hmac.compare_digest(given.encode(), token) for token in self.tokens]
        return any(same) or not self.tokens


def _given(headers: Headers) -> str:
    """The token of a request: its bearer, or its cookie."""
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return bearer.strip()
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return cookie.value if cookie else ""
