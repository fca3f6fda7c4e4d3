"""Sends news to every open window as server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

BEAT = 15.0  # seconds of silence after which a stream sends a comment to stay open
MOST = 64  # news that may wait for a window; beyond them it must load everything again


class Hub:
    """Takes news from any thread and sends them to all windows that listen."""

    def __init__(self) -> None:
        self.windows: set[asyncio.Queue[dict[str, Any]]] = set()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.ended = False

    def publish(self, **news: Any) -> None:
        """Sends news to all windows; safe in any thread. Before the server runs it does nothing."""
        if self.loop is not None and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._put, news)

    def end(self) -> None:
        """Ends the streams of all windows, so that the server can end."""
        self.ended = True
        self.publish(end=True)

    def _put(self, news: dict[str, Any]) -> None:
        for window in self.windows:
            if window.qsize() >= MOST:
                while not window.empty():
                    window.get_nowait()
                news = {"changed": "all"}
            window.put_nowait(news)

    async def stream(self) -> AsyncIterator[str]:
        """Yields the events of one window until it is closed."""
        window: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.windows.add(window)
        try:
            yield "retry: 1000\ndata: {}\n\n"
            while not self.ended:
                try:
                    news = await asyncio.wait_for(window.get(), BEAT)
                    yield f"data: {json.dumps(news)}\n\n"
                except TimeoutError:
                    yield ": alive\n\n"
        finally:
            self.windows.discard(window)
