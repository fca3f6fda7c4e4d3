"""What a server takes on at most, and how it says no."""

from __future__ import annotations

from dataclasses import dataclass

from psdl.deploy.workers import MEMORY


@dataclass(frozen=True)
class Bounds:
    """body: bytes of a request's body; pixels: of an image; images: of a request; queue: requests whose images are
    judged, or wait for it, at a time; seconds: for a body to arrive, and then again for its answer; head: bytes of
    a request's head, and of all else in it that is no body; patience: seconds for a head to arrive; connections:
    open at a time; arriving: bodies that arrive at a time; held: bytes of all bodies at a time; memory: bytes that
    judging one image may take; guesses: wrong tokens of one client in a minute; last: judged images that are
    kept to be looked at."""

    body: int = 32 * 2**20
    pixels: int = 50_000_000
    images: int = 32
    queue: int = 32
    seconds: float = 30.0
    head: int = 16 * 2**10
    patience: float = 10.0
    connections: int = 512
    arriving: int = 128
    held: int = 128 * 2**20
    memory: int = MEMORY
    guesses: int = 10
    last: int = 0


class Refused(Exception):
    """A request that is not answered: the status and one sentence. unread: its body was not read to its end, so
    the connection cannot go on."""

    def __init__(self, status: int, sentence: str, unread: bool = False) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.unread = status, sentence, unread

    @property
    def headers(self) -> dict[str, str]:
        """When to come again, and whether on another connection."""
        again = {"Retry-After": "1"} if self.status in (429, 503) else {}
        who = {"WWW-Authenticate": "Bearer"} if self.status == 401 else {}
        return again | who | ({"Connection": "close"} if self.unread else {})
