"""Where and how work runs; given to every long job beside what it works on."""

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
    """Ignores progress; the default of `RunContext.progress`."""


@dataclass(frozen=True)
class RunContext:
    """Where and how work runs. No result depends on it.

    `jobs` is the number of images and positions that are worked on at a time (None: all cores), or an ordered map,
    such as that of a cluster. `progress` is called with the stage, the number of items just finished, and the
    number of all. `log` receives findings at level INFO; Python's logging is silent below WARNING unless it is
    configured. `checkpoint` is a folder that keeps finished results, so that learning that was broken off can be
    continued. `device` is "auto", "cpu" or "cuda".
    """

    jobs: int | Run | None = None
    progress: Progress = ignore_progress
    log: Log = LOG
    checkpoint: Path | None = None
    device: str = "auto"

    @cached_property
    def work(self) -> Run:
        """The ordered map for large work, in this process or on a cluster."""
        return runner(self.jobs)

    @cached_property
    def near(self) -> Run:
        """The ordered map for work too small to be sent to another process."""
        return near(self.work)

    @property
    def remote(self) -> bool:
        """Whether large work runs in other processes, which see files but not the memory of this one."""
        return remote(self.work)

    def say(self, *lines: str) -> None:
        """Logs findings, one line each."""
        for line in lines:
            self.log.info("%s", line)


HERE = RunContext()
