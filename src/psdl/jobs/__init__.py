"""Where work runs: one file an engine, and the choice among them."""

from __future__ import annotations

import os

from psdl import plugins
from psdl.errors import PsdlError
from psdl.types import Run


def runner(jobs: int | None) -> Run:
    """An ordered map that works on so many items at a time, all cores if None. Raises PsdlError below 1."""
    if jobs is not None and jobs < 1:
        raise PsdlError(
            f"--jobs is {jobs}: give the number of images and positions to work on at a time, at least 1"
        )
    workers = jobs or os.cpu_count() or 1
    run: Run = plugins.load("jobs", "inline" if workers == 1 else "threads").runner(workers)
    return run
