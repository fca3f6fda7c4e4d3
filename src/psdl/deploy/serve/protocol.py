"""HTTP/1.1 as uvicorn speaks it with httptools, with bounds on a request's head, which uvicorn leaves open."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from psdl.deploy.serve.bounds import Bounds

GRACE = 1.0  # seconds that kept connections stay open once the server is told to end: a request may be on its way
SAID = b'{"error": "too many connections: come again in a second"}'
BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\n"
    b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(SAID), SAID)
)


def bounded(bounds: Bounds) -> type[HttpToolsProtocol]:
    """The protocol whose connections are closed where heads are too long or too slow, or connections too many."""

    class Bounded(HttpToolsProtocol):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.begun = 0  # bytes of a head that has not ended
            self.ending = False
            self.waiting: asyncio.TimerHandle | None = None  # closes the connection unless the head ends before

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if len(self.connections) > bounds.connections:
                transport.write(BUSY)
                transport.close()
            else:
                self._wait()

        def connection_lost(self, exc: Exception | None) -> None:
            self._rest()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self.transport.is_closing():
                return
            if self.cycle is None or self.cycle.response_complete:
                self._wait()
            super().data_received(data)
            if self.waiting is not None:
                self.begun += len(data)
                if self.begun > bounds.head:
                    self.send_400_response("the head of the request is too long")

        def on_headers_complete(self) -> None:
            self._rest()
            super().on_headers_complete()
            if self.ending:
                self.cycle.keep_alive = False

        def shutdown(self) -> None:
            self.ending = True
            if self.cycle is None or self.cycle.response_complete:
                self.loop.call_later(GRACE, super().shutdown)
            else:
                super().shutdown()

        def _wait(self) -> None:
            if self.waiting is None:
                self.waiting = self.loop.call_later(bounds.patience, self.transport.close)

        def _rest(self) -> None:
            if self.waiting is not None:
                self.waiting.cancel()
            self.waiting, self.begun = None, 0

    return Bounded
