"""The order in which waiting images are judged. Clients take turns, so that one with many images does not make the
others wait. The connections of one client take turns too, since many computers can share an address."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque

Turn = asyncio.Future[None]


class _Client:
    """The waiting images of one client: those of connections that paused before (`rested`), and all others."""

    def __init__(self) -> None:
        self.rested: deque[Turn] = deque()
        self.others: deque[Turn] = deque()
        self.favoured = True  # those that came after a rest are next, if any wait

    def next(self) -> Turn:
        """Removes and returns the next waiting image; the two kinds alternate if both wait."""
        first = self.rested and (self.favoured or not self.others)
        self.favoured = not first
        return (self.rested if first else self.others).popleft()

    def __bool__(self) -> bool:
        return bool(self.rested or self.others)


class Turns:
    """Lets at most `places` images be judged at a time; those that wait are taken client by client.

    Of one client, every second place goes to connections that paused before their request, as fair queueing of
    packets favours sparse flows (RFC 8290). So a computer that asks now and then is not held up by others that
    never pause.
    """

    def __init__(self, places: int) -> None:
        self.free = places
        self._waiting: OrderedDict[str, _Client] = OrderedDict()

    async def take(self, client: str, rested: bool = False) -> None:
        """Waits for a place and takes it. `rested` says that the image is the first of a request whose connection
        paused before."""
        if self.free and not self._waiting:
            self.free -= 1
            return
        turn: Turn = asyncio.get_running_loop().create_future()
        line = self._waiting.setdefault(client, _Client())
        (line.rested if rested else line.others).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave()  # the turn came at the same moment
            raise

    def leave(self) -> None:
        """Gives a place back, to the next image of the client whose turn it is."""
        while self._waiting:
            client, line = self._waiting.popitem(last=False)
            turn = line.next()
            if line:
                self._waiting[client] = line  # behind all others
            if not turn.done():
                turn.set_result(None)
                return
        self.free += 1
