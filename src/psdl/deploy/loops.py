"""Loops that work in the background for months: what goes wrong in one is logged, counted and shown, and it
goes on."""

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
    """failures: rounds that ended in an error since the start; problem: the last round's error in a sentence,
    empty once a round went well."""

    failures: int = 0
    problem: str = ""


class Loops:
    """The background loops of a process, by name. All methods may be called from any thread."""

    def __init__(self) -> None:
        self._all: dict[str, Loop] = {}
        self._lock = threading.Lock()

    @contextmanager
    def round(self, name: str, raised: tuple[type[Exception], ...] = (Exception,)) -> Iterator[None]:
        """One round of the loop `name`: an error of the kinds `raised` ends it, not the loop."""
        try:
            yield
        except raised as error:
            self.failed(name, said(error))
        else:
            self.went_well(name)

    def failed(self, name: str, problem: str) -> None:
        """Counts a failed round. The same problem is logged once, until a round goes well or fails otherwise."""
        with self._lock:
            loop = self._all.setdefault(name, Loop())
            loop.failures += 1
            known, loop.problem = loop.problem, problem
        if known != problem:
            LOG.error("%s: %s; it goes on", name, problem)

    def went_well(self, name: str) -> None:
        """Says that a round of the loop did what it should."""
        with self._lock:
            loop = self._all.setdefault(name, Loop())
            known, loop.problem = loop.problem, ""
        if known:
            LOG.info("%s: well again", name)

    @property
    def state(self) -> dict[str, Loop]:
        """Each loop as it is now."""
        with self._lock:
            return {name: Loop(loop.failures, loop.problem) for name, loop in self._all.items()}

    @property
    def problems(self) -> dict[str, str]:
        """The loops whose last round failed, and why."""
        return {name: loop.problem for name, loop in self.state.items() if loop.problem}

    def start(self, name: str, work: Callable[[], Any]) -> threading.Thread:
        """A thread in which `work` runs to its end; what it raises is counted as a failed round."""

        def run() -> None:
            with self.round(name):
                work()

        thread = threading.Thread(target=run, name=f"psdl-{name}", daemon=True)
        thread.start()
        return thread


def said(error: BaseException) -> str:
    """An error in one line: our own sentences as they are, others with the kind of error before them."""
    line = " ".join(str(error).split())[:200]
    if isinstance(error, PsdlError):
        return line
    return f"{type(error).__name__}: {line}" if line else type(error).__name__
