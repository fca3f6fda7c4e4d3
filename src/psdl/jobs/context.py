"""Where and how work runs: what every long job is handed, beside what it works on."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from psdl.jobs import near, remote, runner
from psdl.types import Progress, Run

__all__ = ["RunContext", "ignore_progress"]

LOG = logging.getLogger("psdl")
Log = logging.Logger | logging.LoggerAdapter[logging.Logger]


def ignore_progress(stage: str, done: int, total: int) -> None:
    """Shows no progress."""


@dataclass(frozen=True)
class RunContext:
    """Where and how work runs. No result depends on it.

    jobs: how many images and positions are worked on at a time, all cores if None; or an ordered map, such as that
    of a cluster. progress: is called with the stage, how many items were finished just now, and how many there
    are. log: where findings go, at level INFO; Python's logging is silent below WARNING unless it is configured.
    checkpoint: a folder that keeps what is finished, so that learning that is broken off goes on. device: auto,
    cpu or cuda.
    """

    jobs: int | Run | None = None
    progress: Progress = ignore_progress
    log: Log = LOG
    checkpoint: Path | None = None
    device: str = "auto"

    @cached_property
    def work(self) -> Run:
        """The ordered map on which large work runs, in this process or on a cluster."""
        return runner(self.jobs)

    @cached_property
    def near(self) -> Run:
        """The ordered map for small work, which is not worth a trip to another process."""
        return near(self.work)

    @property
    def remote(self) -> bool:
        """Whether large work runs in other processes, which see files but not this one's memory."""
        return remote(self.work)

    def say(self, *lines: str) -> None:
        """Logs findings, one line each."""
        for line in lines:
            self.log.info("%s", line)


HERE = RunContext()
