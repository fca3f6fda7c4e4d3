"""Runs work in a pool of threads: kernels, ONNX Runtime and image decoding all release the interpreter's lock."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from typing import Any

from psdl.types import Run


def beside(work: Callable[[Any], Any], items: Sequence[Any], workers: int) -> list[Any]:
    """Maps `work` over a few items of one caller and returns the results in order. The first item runs in the
    calling thread, the others beside it in threads that are kept for later calls; with `workers` 1 all run one
    after another. `work` must not call this function itself."""
    if workers == 1 or len(items) == 1:
        return [work(item) for item in items]
    others = [_kept(workers).submit(work, item) for item in items[1:]]
    first = work(items[0])
    return [first, *(other.result() for other in others)]


@lru_cache(maxsize=4)
def _kept(workers: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers, thread_name_prefix="psdl-beside")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_kept.cache_clear)  # a forked process has no threads of its parent


def runner(workers: int) -> Run:
    """Returns an ordered map over `workers` threads with at most 4 items for each thread under way."""

    def run(work: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        pool = ThreadPoolExecutor(workers)
        pending: deque[Future[Any]] = deque()
        try:
            for item in items:
                pending.append(pool.submit(work, item))
                if len(pending) >= 4 * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)

    return run
