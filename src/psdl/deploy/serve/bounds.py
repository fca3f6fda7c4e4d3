"""The bounds on what a server accepts, and how it refuses a request."""

from __future__ import annotations

from dataclasses import dataclass

from psdl.deploy.workers import MEMORY


@dataclass(frozen=True)
class Bounds:
    """The bounds of a server.

    - `body`: bytes of a request's body.
    - `pixels`: pixels of an image.
    - `images`: images of a request.
    - `queue`: requests whose images are judged or wait for it, at a time.
    - `seconds`: time for a body to arrive, and again for its answer.
    - `head`: bytes of a request's head, and of all else in a request that is not its body.
    - `patience`: seconds for a head to arrive.
    - `connections`: connections that are open at a time.
    - `arriving`: bodies that are arriving at a time.
    - `held`: bytes of all bodies at a time.
    - `memory`: bytes that judging one image may take.
    - `guesses`: wrong tokens of one client in a minute.
    - `last`: judged images that are kept for display; 0 keeps none.
    """

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
    """Raised to refuse a request with an HTTP status and one sentence. `unread` says that the body was not read to
    its end, so that the connection must be closed."""

    def __init__(self, status: int, sentence: str, unread: bool = False) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.unread = status, sentence, unread

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the refusal: when to try again, how to authenticate, and whether the connection is
        closed."""
        again = {"Retry-After": "1"} if self.status in (429, 503) else {}
        who = {"WWW-Authenticate": "Bearer"} if self.status == 401 else {}
        return again | who | ({"Connection": "close"} if self.unread else {})
