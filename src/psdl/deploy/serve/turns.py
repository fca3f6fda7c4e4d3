"""Whose image is judged next: clients take turns, so that one that sends many keeps nobody else waiting."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque


class Turns:
    """At most `places` images at a time; those that wait are taken client after client."""

    def __init__(self, places: int) -> None:
        self.free = places
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    async def take(self, client: str) -> None:
        """Waits for a place and takes it."""
        if self.free and not self._waiting:
            self.free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(client, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave()  # the turn came at the same moment
            raise

    def leave(self) -> None:
        """Gives a place back: to the first that waits of the client whose turn it is."""
        while self._waiting:
            client, line = self._waiting.popitem(last=False)
            turn = line.popleft()
            if line:
                self._waiting[client] = line  # behind all others
            if not turn.done():
                turn.set_result(None)
                return
        self.free += 1
