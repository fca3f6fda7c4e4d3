"""HTTP/1.1 by uvicorn and httptools, with bounds on what a connection may send, which uvicorn does not set. It
relies on internals of uvicorn's protocol class; pyproject.toml limits uvicorn's version, and a test checks
them."""

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
    """The open connections, counted by client, and those of each client that have not sent a request yet, the
    oldest first. Every operation but `oldest_new` takes constant time, however many connections a client opens."""

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
        """Returns, of the client with the most connections, the oldest connection other than `but` that has not
        sent a request; None if there is none."""
        most = max(self.counts, key=lambda address: self.counts[address])
        return next((one for one in self.new[most] if one is not but), None)


def bounded(bounds: Bounds) -> type[HttpToolsProtocol]:
    """Returns a protocol class for uvicorn that closes connections that send too much or too slowly, or that are
    too many.

    A request may have, beside its body, at most `bounds.head` bytes (head, chunk sizes and trailers) and as many
    again as its body has. While it is answered, one more read (READ bytes) may arrive. A connection that sends
    more is not read for PAUSE seconds and then closed, which slows down a client that sends without end.

    If there are more than `bounds.connections` connections, a new one replaces one that is not waiting for an
    answer: of the client with the most connections, the oldest that never sent a request. If that client has none,
    an idle connection is closed, again of the client with the most. If there is none either, the new connection is
    refused with status 503.
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
            """Closes a connection on which no answer is pending. Returns whether there was one."""
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
    """Returns the seconds between the last answer on a request's connection and the request; infinity for a first
    request."""
    known: dict[str, float] = scope.get("extensions", {}).get(RESTED, {})
    return known.get("seconds", math.inf)


def _idle(connection: Any) -> bool:
    """Returns whether no answer is pending on a connection."""
    return connection.spent or connection.cycle is None or bool(connection.cycle.response_complete)


def _address(connection: Any) -> str:
    return connection.client[0] if connection.client else ""
