"""HTTP/1.1 as uvicorn speaks it with httptools, with bounds on all that a connection may send, which uvicorn
leaves open. It reaches into uvicorn's protocol, which pyproject.toml bounds from above and a test watches."""

from __future__ import annotations

import asyncio
import math
from collections import Counter, defaultdict
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from psdl.deploy.serve.bounds import Bounds

GRACE = 1.0  # seconds that kept connections stay open once the server is asked to end: a request may be on its way
READ = 2**18  # bytes that a system hands over at once: they may be several requests
SAID = b'{"error": "too many connections: come again in a second"}'
RESTED = "psdl.rested"  # extension of a request's scope: seconds since its connection's last answer went out
PAUSE = 1.0  # seconds that nothing is read of a connection that sent too much, before it is closed
BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\n"
    b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(SAID), SAID)
)


class _Open:
    """The open connections of each client, and those of them that have not asked anything yet, the oldest first:
    whoever opens many costs no look at all of them."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.new: dict[str, dict[Any, None]] = defaultdict(dict)

    def add(self, connection: Any) -> None:
        self.counts[_address(connection)] += 1
        self.new[_address(connection)][connection] = None

    def asked(self, connection: Any) -> None:
        self.new[_address(connection)].pop(connection, None)

    def remove(self, connection: Any) -> None:
        address = _address(connection)
        self.asked(connection)
        self.counts[address] -= 1
        if not self.counts[address]:
            del self.counts[address], self.new[address]

    def oldest_new(self, but: Any) -> Any | None:
        """Of the client that has the most connections the oldest one that has not asked anything."""
        most = max(self.counts, key=lambda address: self.counts[address])
        return next((one for one in self.new[most] if one is not but), None)


def bounded(bounds: Bounds) -> type[HttpToolsProtocol]:
    """The protocol whose connections are closed where they send too much or too slowly, or are too many.

    What is sent of one request beside its body, be it head, chunk sizes or trailers, is at most `bounds.head`
    bytes and as many again as its body has; what is sent while it is answered, one read. A connection that sends
    more is not read for a while and then closed, so that who sends without an end also waits. A new connection
    beyond `bounds.connections` takes the place of one that waits for nothing, of the client that has the most: of
    those that never asked anything, the oldest, before others.
    """

    known = _Open()

    class Bounded(HttpToolsProtocol):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.begun = 0  # bytes of a head that has not ended
            self.other, self.bodied = 0, 0  # bytes of a request in all, and of its body
            self.whole = True  # a request has been read to its end
            self.ending = False
            self.spent = False  # it sent too much
            self.since = self.loop.time()
            self.answered = -math.inf  # when the last answer went out
            self.waiting: asyncio.TimerHandle | None = None  # closes the connection unless the head ends before

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            known.add(self)
            if len(self.connections) > bounds.connections and not self._make_room():
                transport.write(BUSY)
                transport.close()
            else:
                self._wait()

        def connection_lost(self, exc: Exception | None) -> None:
            self._rest()
            known.remove(self)
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self.transport.is_closing() or self.spent:
                return
            if _idle(self):
                self._wait()
            self.other += len(data)
            super().data_received(data)
            if self.transport.is_closing():
                return
            if self.waiting is not None:
                self.begun += len(data)
            if self.begun > bounds.head:
                self.send_400_response("the head of the request is too long")
            elif self.other - self.bodied > bounds.head + self.bodied + (READ if self.whole else 0):
                self._spend()  # nothing may be said in the middle of an answer

        def on_message_begin(self) -> None:
            self.whole = False
            self.other, self.bodied = 0, 0
            super().on_message_begin()
            rested = self.loop.time() - self.answered if _idle(self) else 0.0
            self.scope["extensions"] = {RESTED: {"seconds": rested}}

        def on_headers_complete(self) -> None:
            self._rest()
            known.asked(self)
            super().on_headers_complete()
            if self.ending:
                self.cycle.keep_alive = False

        def on_body(self, body: bytes) -> None:
            self.bodied += len(body)
            super().on_body(body)

        def on_message_complete(self) -> None:
            super().on_message_complete()
            self.whole, self.other, self.bodied = True, 0, 0

        def on_response_complete(self) -> None:
            self.since = self.answered = self.loop.time()
            super().on_response_complete()

        def shutdown(self) -> None:
            self.ending = True
            if _idle(self):
                self.loop.call_later(GRACE, super().shutdown)
            else:
                super().shutdown()

        def _spend(self) -> None:
            self.spent = True
            self.flow.pause_reading()
            if self.cycle is not None and not self.cycle.response_complete:
                self.cycle.disconnected = True  # whoever waits for its body waits no more
                self.cycle.message_event.set()
            self.loop.call_later(PAUSE, self.transport.abort)

        def _make_room(self) -> bool:
            """Closes a connection on which nothing is answered; whether there was one."""
            victim = known.oldest_new(self)
            if victim is None:
                idle: list[Any] = [one for one in self.connections if one is not self and _idle(one)]
                if not idle:
                    return False
                victim = max(idle, key=lambda one: (known.counts[_address(one)], -one.since))
            known.asked(victim)  # it is no choice any more
            self.connections.discard(victim)
            victim.transport.abort()
            return True

        def _wait(self) -> None:
            if self.waiting is None:
                self.waiting = self.loop.call_later(bounds.patience, self.transport.close)

        def _rest(self) -> None:
            if self.waiting is not None:
                self.waiting.cancel()
            self.waiting, self.begun = None, 0

    return Bounded


def rested(scope: Any) -> float:
    """Seconds since the last answer on a request's connection went out; infinity if it is the first."""
    known: dict[str, float] = scope.get("extensions", {}).get(RESTED, {})
    return known.get("seconds", math.inf)


def _idle(connection: Any) -> bool:
    """Whether nothing is answered on a connection."""
    return connection.spent or connection.cycle is None or bool(connection.cycle.response_complete)


def _address(connection: Any) -> str:
    return connection.client[0] if connection.client else ""
