"""Linear algebra that stays in its thread.

OpenBLAS, which NumPy brings, gives decompositions to threads: their numbers then depend on how many cores there
are, and the threads go on spinning after a call, while the coder and the network, which have threads of their own,
wait for them. On two busy cores an eigendecomposition of 320 x 320 takes 25 times as long with threads as without.
"""

from __future__ import annotations

from contextlib import ContextDecorator
from threading import Lock
from typing import Any

from threadpoolctl import ThreadpoolController

__all__ = ["one_thread"]


class _OneThread(ContextDecorator):
    """BLAS and LAPACK compute in the calling thread until the last of those inside has left, then as before."""

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
