"""Bodies on their way in: they have places of their own, so that slow ones keep nobody from being judged."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from psdl.deploy.serve.bounds import Bounds, Refused

GRACE = 1.0  # seconds that a body has at least before another takes its place
STILL = 0.1  # seconds without a byte of it, after which it has no such right


class Arrival:
    """One body: who sends it, its bytes that are held, when the last of them came, and the moment by which it must
    be here."""

    def __init__(self, client: str, limit: asyncio.Timeout) -> None:
        self.client, self.limit = client, limit
        self.held = 0
        self.since = self.grown = asyncio.get_running_loop().time()
        self.evicted = False

    def evict(self) -> None:
        """Ends the wait for it now."""
        self.evicted = True
        self.limit.reschedule(asyncio.get_running_loop().time())


class Arrivals:
    """At most `bounds.arriving` bodies arrive at a time, and at most `bounds.held` bytes of bodies are held, until
    their answers. A new one takes the place of the oldest one of the client that has the most: one that sends its
    body at once is never it."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.bytes = 0
        self._all: list[Arrival] = []  # that arrive now, the oldest first

    @contextmanager
    def held(self, client: str, limit: asyncio.Timeout) -> Iterator[Arrival]:
        """A place for a body while it arrives and its bytes until the answer. Raises Refused where there is
        none."""
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
        """So many more bytes of a body are here. Raises Refused where they are too many together with all
        others."""
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
        """All of a body has arrived: its place is free."""
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
