"""On a Dask cluster: each item is a task on a worker, in processes of its own or on other machines.

What the tasks share goes to every worker once. A worker that dies costs its tasks once more: the scheduler gives
them to another one.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from typing import Any

from psdl.errors import PsdlError
from psdl.types import Run

AHEAD = 4  # tasks a worker that wait while it works
TRIES = 5  # to hand out what tasks share, where a worker dies meanwhile
PAUSE = 1.0  # seconds between them: a worker that died starts anew
LOCAL = "local:"


class Cluster:
    """A cluster at work; use `with`. address: of a scheduler, such as tcp://host:8786, or local:N for N worker
    processes on this machine. Raises PsdlError where there is none."""

    remote = True  # tasks see files, not this process's memory

    def __init__(self, address: str) -> None:
        import distributed

        dask: Any = distributed  # untyped
        logging.getLogger("distributed").setLevel(
            logging.ERROR
        )  # a worker that dies is no news: its work is not lost
        self._own: Any = None
        where: Any = address
        if address.startswith(LOCAL):
            count = address.removeprefix(LOCAL)
            if not count.isdigit() or int(count) < 1:
                raise PsdlError(f"--cluster is {address!r}: give local:N for N worker processes, such as local:4")
            self._own = where = dask.LocalCluster(
                n_workers=int(count), threads_per_worker=1, dashboard_address=":0"
            )
        try:
            self.client: Any = dask.Client(where, timeout="10s")
        except (OSError, ValueError, TypeError) as error:
            raise PsdlError(
                f"no scheduler answers at --cluster {address} ({str(error).splitlines()[0][:100]}): start `dask"
                " scheduler` there, or give local:4"
            ) from None

    @property
    def workers(self) -> int:
        return len(self.client.nthreads())

    @property
    def dashboard(self) -> str:
        """The address of its page that shows tasks as they run; it needs the package bokeh."""
        return str(self.client.dashboard_link)

    def __call__(self, work: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        """An ordered map over the workers that holds at most AHEAD items a worker at once."""
        tasks = _Tasks(self, work)
        most = AHEAD * max(1, self.workers)
        pending: deque[tuple[Any, Any]] = deque()
        for item in items:
            pending.append((item, tasks.start(item)))
            if len(pending) >= most:
                yield tasks.result(*pending.popleft())
        while pending:
            yield tasks.result(*pending.popleft())

    def spread(self, work: Callable[[Any], Any]) -> Any:
        """Gives every worker what tasks share. Raises PsdlError where workers die again and again."""
        for left in reversed(range(TRIES)):
            try:
                return self.client.scatter([work], broadcast=True, hash=False)[0]
            except (OSError, TimeoutError, ValueError, KeyError, CancelledError):
                time.sleep(PAUSE)
                if not left:
                    raise PsdlError(
                        "the cluster lost its workers while they were given work: look at them"
                    ) from None
        raise AssertionError

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        if self._own is not None:
            self._own.close()


class _Tasks:
    """Tasks of one map. What they share is given out anew where it died with the workers that had it."""

    def __init__(self, cluster: Cluster, work: Callable[[Any], Any]) -> None:
        self.cluster, self.work = cluster, work
        self.shared = cluster.spread(work)

    def start(self, item: Any) -> Any:
        return self.cluster.client.submit(_call, self.shared, item, pure=False)

    def result(self, item: Any, task: Any) -> Any:
        for _ in range(TRIES):
            try:
                return task.result()
            except CancelledError:
                if self.shared.cancelled() or self.shared.status != "finished":
                    self.shared = self.cluster.spread(self.work)
                task = self.start(item)
        return task.result()


def _call(work: Callable[[Any], Any], item: Any) -> Any:
    return work(item)


def runner(workers: int) -> Run:
    """As many worker processes on this machine, until it ends."""
    return Cluster(f"{LOCAL}{workers}")
