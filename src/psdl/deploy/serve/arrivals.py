"""The request bodies that are arriving. They are counted apart from the requests that are judged, so that slow
senders do not keep others from being judged."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from psdl.deploy.serve.bounds import Bounds, Refused

GRACE = 1.0  # seconds that a body has at least before another takes its place
STILL = 0.1  # seconds without a byte of it, after which it has no such right


class Arrival:
    """One body that is arriving: its client, the bytes `held`, the times of its start (`since`) and of its last
    bytes (`grown`), and the timeout `limit`."""

    def __init__(self, client: str, limit: asyncio.Timeout) -> None:
        self.client, self.limit = client, limit
        self.held = 0
        self.since = self.grown = asyncio.get_running_loop().time()
        self.evicted = False

    def evict(self) -> None:
        """Ends the wait for this body now."""
        self.evicted = True
        self.limit.reschedule(asyncio.get_running_loop().time())


class Arrivals:
    """The bodies that are arriving, at most `bounds.arriving`. At most `bounds.held` bytes are held in all; a body
    is held until its answer.

    If there is no room, a new body displaces one that has been arriving for GRACE seconds or has had no byte for
    STILL seconds: of the client with the most bodies, the one that holds the most bytes, then the oldest. A body
    that is sent at once is never displaced.
    """

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.bytes = 0
        self._all: list[Arrival] = []  # that arrive now, the oldest first

    @contextmanager
    def held(self, client: str, limit: asyncio.Timeout) -> Iterator[Arrival]:
        """Holds a place for a body until it has arrived, and its bytes until the block ends. Raises Refused (429)
        if there is no place."""
        if len(self._all) >= self.bounds.arriving and not self._make_room():
            raise Refused(
                429, f"{len(self._all)} bodies are arriving, which is the bound: come again", unread=True
            )
        one = Arrival(client, limit)
        self._all.append(one)
        try:
            yield one
        finally:
            self.here(one)
            self.bytes -= one.held

    def grow(self, one: Arrival, count: int) -> None:
        """Records that `count` more bytes of a body have arrived. Raises Refused (503) if all bodies together are
        too large."""
        while self.bytes + count > self.bounds.held and self._make_room(one):
            pass
        if self.bytes + count > self.bounds.held:
            raise Refused(
                503, f"bodies of {self.bytes:,} bytes are held, which is the bound: come again", unread=True
            )
        one.grown = asyncio.get_running_loop().time()
        one.held += count
        self.bytes += count

    def here(self, one: Arrival) -> None:
        """Frees the place of a body that has arrived. Its bytes stay counted."""
        if one in self._all:
            self._all.remove(one)

    def _make_room(self, but: Arrival | None = None) -> bool:
        now = asyncio.get_running_loop().time()
        others = [one for one in self._all if one is not but]
        old = [one for one in others if now - one.since >= GRACE or now - one.grown >= STILL]
        if not old:
            return False
        places = Counter(one.client for one in self._all)
        victim = max(old, key=lambda one: (places[one.client], one.held, -one.since))
        self.here(victim)
        self.bytes -= victim.held
        victim.held = 0
        victim.evict()
        return True
