"""Linear algebra that runs in the calling thread.

OpenBLAS, which NumPy brings, spreads decompositions over threads. Their results then depend on the number of
cores, and the threads keep spinning after a call, while the coder and the network, which have threads of their
own, wait for the cores. On two busy cores an eigendecomposition of 320 x 320 takes 25 times as long with threads
as without.
"""

from __future__ import annotations

from contextlib import ContextDecorator
from threading import Lock
from typing import Any

from threadpoolctl import ThreadpoolController

__all__ = ["one_thread"]


class _OneThread(ContextDecorator):
    """A context manager and decorator in which BLAS and LAPACK compute in the calling thread. The former limit
    returns when the last thread has left it."""

    def __init__(self) -> None:
        self._lock, self._inside = Lock(), 0
        self._limit: Any = None

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._limit = ThreadpoolController().limit(limits=1, user_api="blas")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._limit.restore_original_limits()


one_thread = _OneThread()
