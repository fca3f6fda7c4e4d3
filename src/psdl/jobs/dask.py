"""Runs work on a Dask cluster: each item is a task of a worker process, on this machine or on others.

What the tasks of a map share lies in a file that every worker reads once. A worker that dies therefore loses
nothing but its tasks, which the scheduler gives to another one.
"""

from __future__ import annotations

import itertools
import os
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

from psdl.errors import PsdlError
from psdl.types import Run

MOST = 4  # maps that run at the same time
POLL = 1.0  # seconds between two checks whether waiting for a task shall go on
AHEAD = 4  # tasks for each worker that are under way
LOCAL = "local:"


class Cluster:
    """A connection to a Dask cluster; use `with`. Calling it runs an ordered map over the workers.

    `address` is that of a scheduler, such as tcp://host:8786, or local:N for N worker processes on this machine.
    Raises PsdlError if it is malformed or no scheduler answers.
    """

    remote = True  # tasks see files, not this process's memory

    def __init__(self, address: str) -> None:
        import distributed

        dask: Any = distributed  # untyped
        self._own: Any = None
        where: Any = address
        if address.startswith(LOCAL):
            count = address.removeprefix(LOCAL)
            if not count.isdigit() or int(count) < 1:
                raise PsdlError(f"`cluster` is {address!r}: give local:N for N worker processes, such as local:4")
            self._own = where = dask.LocalCluster(
                n_workers=int(count),
                threads_per_worker=1,
                host="127.0.0.1",  # scheduler, workers and their pages: nobody but this machine
                dashboard_address="127.0.0.1:0",
                worker_dashboard_address=None,
            )
        try:
            self.client: Any = dask.Client(where, timeout="10s")
        except (OSError, ValueError, TypeError) as error:
            raise PsdlError(
                f"no scheduler answers at `cluster` {address} ({str(error).splitlines()[0][:100]}): start `dask"
                " scheduler` there, or give local:4"
            ) from None
        self._folder = tempfile.TemporaryDirectory(prefix="psdl-cluster-")
        self._numbers = itertools.count()
        self._ended = threading.Event()  # whoever waits for tasks shall wait no longer

    @property
    def workers(self) -> int:
        return len(self.client.nthreads())

    @property
    def dashboard(self) -> str:
        """The address of Dask's page that shows tasks as they run; it needs the package bokeh."""
        return str(self.client.dashboard_link)

    def __call__(self, work: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        """Maps `work` over the items, in their order, with at most AHEAD items for each worker under way."""
        import cloudpickle

        file = Path(self._folder.name) / f"map-{next(self._numbers)}"
        file.write_bytes(cloudpickle.dumps(work))
        most = AHEAD * max(1, self.workers)
        pending: deque[Any] = deque()
        try:
            for item in items:
                pending.append(self.client.submit(_call, str(file), item, pure=False))
                if len(pending) >= most:
                    yield self._result(pending.popleft())
            while pending:
                yield self._result(pending.popleft())
        finally:
            self.client.cancel(list(pending))
            os.unlink(file)

    def _result(self, future: Any) -> Any:
        """Returns the result of a task. Raises CancelledError if all waiting was ended."""
        done = threading.Event()  # not a timeout of Dask's, which fails where a task ends at the same moment
        future.add_done_callback(lambda _: done.set())
        while not self._ended.is_set():
            if done.wait(POLL):
                return future.result()
        raise CancelledError

    def side_by_side(self, work: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        """Maps `work` over items, in their order and in this process, a few at a time. Each call gives tasks to
        the workers: while one waits or ends, another keeps them busy. An error or an interruption ends the others
        too."""
        pool = ThreadPoolExecutor(min(MOST, self.workers))
        try:
            yield from pool.map(work, items)
        except BaseException:
            self._ended.set()
            raise
        finally:
            pool.shutdown(cancel_futures=True)

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        if self._own is not None:
            self._own.close()
        self._folder.cleanup()


@lru_cache(maxsize=MOST)
def _loaded(file: str) -> Callable[[Any], Any]:
    """Returns what the tasks of one map share; each worker reads it once."""
    import cloudpickle

    work: Callable[[Any], Any] = cloudpickle.loads(Path(file).read_bytes())
    return work


def _call(file: str, item: Any) -> Any:
    return _loaded(file)(item)


def runner(workers: int) -> Run:
    """Returns a cluster of `workers` worker processes on this machine, which run until this process ends."""
    return Cluster(f"{LOCAL}{workers}")
