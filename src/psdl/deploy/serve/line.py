"""The queue of requests whose images are judged: how many at a time, in which order, and by which workers."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, NamedTuple

from psdl._util.machine import cores
from psdl.deploy import judging
from psdl.deploy.client import Scored, Unscored
from psdl.deploy.judging import Seen, TooLarge
from psdl.deploy.registry import Held
from psdl.deploy.serve.bounds import Bounds, Refused
from psdl.deploy.serve.turns import Turns
from psdl.deploy.workers import Failed, Workers
from psdl.errors import PsdlError

Named = tuple[str, bytes]  # an image: its file's name and content
Answered = tuple[Scored, Seen] | Unscored
LARGE = 4  # times the largest image learned from: an image of more pixels is judged apart
PLAIN = 2_000_000  # pixels that are never many
LONG = 50  # times what images take on average: one that takes longer is given up, so that others get their turn
LEAST = 2.0  # seconds that an image has in any case


class Asker(NamedTuple):
    """Who sent a request: the client, and whether its connection paused before this request."""

    client: str
    rested: bool = True


class Line:
    """The queue of requests. It holds at most `bounds.queue` requests, of which one client may have three
    quarters.

    An image that is alone gets all cores. If several wait, each gets one core, which judges more images a second.
    The scores are identical in both cases. Images much larger than those learned from are judged by a worker of
    their own that runs at low priority. `workers` is the number of workers; None: one for each core.
    """

    def __init__(self, bounds: Bounds, workers: int | None = None) -> None:
        self.bounds = bounds
        self.cores = workers or cores()
        self.clients: Counter[str] = Counter()  # requests of each
        self.images = 0
        self.plain, self.large = Workers(self.cores, bounds.memory), Workers(1, bounds.memory, idle=True)
        self.mean = bounds.seconds  # that an image takes, in seconds
        self._turns = {self.plain: Turns(self.cores), self.large: Turns(1)}
        self._pool = ThreadPoolExecutor(self.cores + 1, thread_name_prefix="psdl-serve")

    @property
    def taken(self) -> int:
        """The number of requests that are being answered."""
        return self.clients.total()

    def load(self, model: Held) -> None:
        """Gives the workers a model before the first image needs it, and compiles the code that judges."""
        self.plain.load(model, [(judging.warm, (threads,)) for threads in sorted({1, self.cores})])

    def check(self, client: str) -> None:
        """Raises Refused (429) if there is no place for another request of this client."""
        if self.taken >= self.bounds.queue:
            raise Refused(
                429, f"{self.taken} requests are being answered, which is the bound: come again", unread=True
            )
        if self.clients[client] >= max(1, self.bounds.queue - self.bounds.queue // 4):
            raise Refused(
                429, f"{self.clients[client]} of your requests are being answered: come again", unread=True
            )

    @contextmanager
    def place(self, client: str) -> Iterator[None]:
        """Holds a place for one request while the block runs. Raises Refused like `check`."""
        self.check(client)
        self.clients[client] += 1
        try:
            yield
        finally:
            self.clients[client] -= 1
            self.clients += Counter()  # forgets those without any

    async def judge(self, model: Held, images: Sequence[Named], maps: str | None, asker: Asker) -> list[Answered]:
        """Returns, for each image of one request, what the model says of it, or why there is no result.

        `maps` is as in `judging.answer`. An image that is not judged within `bounds.seconds` gets status 503.
        """
        until = time.monotonic() + self.bounds.seconds
        beside = asyncio.Semaphore(self.cores)  # requests of one client take turns too, image by image
        self.images += len(images)

        async def one(number: int, image: Named) -> Answered:
            who = asker if number == 0 else asker._replace(rested=False)
            try:
                async with beside, asyncio.timeout(until - time.monotonic()):
                    return await self._one(model, image, maps, who, until)
            except TimeoutError:
                late = f"no answer within {self.bounds.seconds:g} s: too much is waiting"
                return Unscored(image[0], late, 503)
            finally:
                self.images -= 1

        return list(await asyncio.gather(*(one(n, image) for n, image in enumerate(images))))

    async def _one(self, model: Held, image: Named, maps: str | None, asker: Asker, until: float) -> Answered:
        name, data = image
        try:
            pixels = await asyncio.to_thread(judging.sized, data, name, self.bounds.pixels)
            workers = self.large if pixels > self._many(model) else self.plain
            alone = self.images == 1 and workers is self.plain
            arguments = (data, name, maps, self.bounds.pixels, self.cores if alone else 1)
            return await self._called(workers, asker, until, model, arguments)
        except TooLarge as error:
            return Unscored(name, str(error), 413)
        except Failed as error:
            return Unscored(name, f"{name}: {error}", 503 if not error.lasting else 422)
        except PsdlError as error:
            return Unscored(name, str(error), 422)

    async def _called(
        self, workers: Workers, asker: Asker, until: float, model: Held, arguments: tuple[Any, ...]
    ) -> tuple[Scored, Seen]:
        turns, loop = self._turns[workers], asyncio.get_running_loop()
        await turns.take(*asker)
        if workers is self.plain:
            until = min(until, time.monotonic() + max(LEAST, LONG * self.mean))
        work = self._pool.submit(self._timed, workers, model, arguments, until)
        work.add_done_callback(lambda _: loop.call_soon_threadsafe(turns.leave))  # also when nobody waits any more
        found: tuple[Scored, Seen] = await asyncio.wrap_future(work)
        return found

    def _timed(
        self, workers: Workers, model: Held, arguments: tuple[Any, ...], until: float
    ) -> tuple[Scored, Seen]:
        start = time.monotonic()
        found: tuple[Scored, Seen] = workers.call(model, judging.answer, arguments, until)
        if workers is self.plain:
            self.mean += (time.monotonic() - start - self.mean) / 16
        return found

    def _many(self, model: Held) -> float:
        """Returns the number of pixels above which an image counts as much larger than those learned from."""
        image_statistics = model.detector.model.image_statistics
        known = float((image_statistics[:, 2] * image_statistics[:, 3]).max()) if len(image_statistics) else 0.0
        return max(PLAIN, LARGE * known)

    def end(self) -> None:
        """Ends all workers, whatever they do."""
        self.plain.end()
        self.large.end()
        self._pool.shutdown(wait=False, cancel_futures=True)


def plain(answers: Sequence[Scored | Unscored]) -> list[dict[str, Any]]:
    """Returns answers as dictionaries for JSON."""
    return [asdict(one) for one in answers]
