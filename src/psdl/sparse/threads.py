"""Work cut over threads: kernels release the interpreter, so plain threads use all cores."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache


def split(work: Callable[[int, int], None], items: int, threads: int | None) -> None:
    """work(first, last) over all items, in more slices than threads so that a slow one does not wait alone."""
    threads = max(1, threads or os.cpu_count() or 1)
    slices = min(items, threads * 4)
    if threads == 1 or slices <= 1:
        work(0, items)
        return
    bounds = [items * i // slices for i in range(slices + 1)]
    list(_pool(threads).map(work, bounds[:-1], bounds[1:]))


@lru_cache(maxsize=8)
def _pool(threads: int) -> ThreadPoolExecutor:
    """One pool for each number of threads, kept: starting threads costs more than coding one image."""
    return ThreadPoolExecutor(threads, thread_name_prefix="psdl-sparse")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # a forked process has no threads of its parent
