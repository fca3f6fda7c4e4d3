"""Background loops that run for months: an error in one round is logged, counted and shown, and the loop
continues."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from psdl.errors import PsdlError

LOG = logging.getLogger("psdl")


@dataclass
class Loop:
    """The state of one loop. `failures` is the number of rounds that ended in an error since the start. `problem`
    is the error of the last round as a sentence, empty if that round succeeded."""

    failures: int = 0
    problem: str = ""


class Loops:
    """The background loops of a process, by name. All methods may be called from any thread."""

    def __init__(self) -> None:
        self._all: dict[str, Loop] = {}
        self._lock = threading.Lock()

    @contextmanager
    def round(self, name: str, raised: tuple[type[Exception], ...] = (Exception,)) -> Iterator[None]:
        """Runs the block as one round of the loop `name`. An error of the types `raised` is counted as a failure
        and not passed on."""
        try:
            yield
        except raised as error:
            self.failed(name, said(error))
        else:
            self.went_well(name)

    def failed(self, name: str, problem: str) -> None:
        """Counts a failed round. A problem is logged once, until a round succeeds or fails with another
        problem."""
        with self._lock:
            loop = self._all.setdefault(name, Loop())
            loop.failures += 1
            known, loop.problem = loop.problem, problem
        if known != problem:
            LOG.error("%s: %s; it goes on", name, problem)

    def went_well(self, name: str) -> None:
        """Records that a round of the loop succeeded."""
        with self._lock:
            loop = self._all.setdefault(name, Loop())
            known, loop.problem = loop.problem, ""
        if known:
            LOG.info("%s: well again", name)

    @property
    def state(self) -> dict[str, Loop]:
        """The present state of each loop, by name."""
        with self._lock:
            return {name: Loop(loop.failures, loop.problem) for name, loop in self._all.items()}

    @property
    def problems(self) -> dict[str, str]:
        """The problems of the loops whose last round failed, by name."""
        return {name: loop.problem for name, loop in self.state.items() if loop.problem}

    def start(self, name: str, work: Callable[[], Any]) -> threading.Thread:
        """Starts a thread that runs `work` once, and returns the thread. An error that `work` raises is counted as
        a failed round."""

        def run() -> None:
            with self.round(name):
                work()

        thread = threading.Thread(target=run, name=f"psdl-{name}", daemon=True)
        thread.start()
        return thread


def said(error: BaseException) -> str:
    """Returns an error as one line: the sentence of a PsdlError as it is, other messages with the error's type in
    front. Messages are cut at 200 characters."""
    line = " ".join(str(error).split())[:200]
    if isinstance(error, PsdlError):
        return line
    return f"{type(error).__name__}: {line}" if line else type(error).__name__
