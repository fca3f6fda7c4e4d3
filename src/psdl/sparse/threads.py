"""Splits work over threads. Kernels release the interpreter's lock, so that plain threads use all cores."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise

from .arrays import whole_number
from .errors import SparseError

SMALL = 15e6


def counted(threads: int | None) -> int:
    """Returns the number of threads to use; None and -1 mean all cores that the process may use. Raises
    SparseError unless it is one of these or a whole number of at least 1."""
    if threads is None or threads == -1:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if threads == 0:
        raise SparseError("threads must be at least 1, or -1 for all cores, not 0")
    return whole_number(threads, "threads (-1: all cores)")


def split(work: Callable[[int, int], None], items: int, threads: int | None, each: int = 1) -> None:
    """Calls work(first, last) on slices that cover all items, `each` slices for each thread. The calling thread
    takes the first.

    One slice per thread is best for short and even work, since handing over a slice costs as much as coding a
    hundred signals. With more slices, no thread waits long for a slow one.
    """
    threads = counted(threads)
    slices = min(items, threads * each)
    if threads == 1 or slices <= 1:
        work(0, items)
        return
    bounds = [items * i // slices for i in range(slices + 1)]
    others = [_pool(threads).submit(work, a, b) for a, b in pairwise(bounds[1:])]
    work(bounds[0], bounds[1])
    for other in others:
        other.result()


def worth(flops: float, threads: int | None) -> int:
    """Returns how many threads, up to `threads`, pay off for `flops` operations: waking one costs as much as SMALL
    operations."""
    return max(1, min(counted(threads), 1 + int(flops / SMALL)))


@lru_cache(maxsize=8)
def _pool(threads: int) -> ThreadPoolExecutor:
    """Returns the pool for this number of threads. Pools are kept, since starting threads costs more than coding
    one image."""
    return ThreadPoolExecutor(threads, thread_name_prefix="psdl-sparse")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # a forked process has no threads of its parent
