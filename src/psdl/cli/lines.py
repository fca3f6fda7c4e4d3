"""What a person at a terminal sees while a verb works: findings, progress and results."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from psdl.learning import Progress


class Lines:
    """Says lines on standard output and shows progress on standard error; neither when quiet."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet

    def say(self, *lines: str) -> None:
        if not self.quiet:
            for line in lines:
                print(line, flush=True)

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """One bar for each stage, with the time left."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description:12}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        tasks: dict[str, Any] = {}
        bars = Progress(*columns, console=Console(file=sys.stderr), disable=self.quiet)

        def tell(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                bars.start()  # only now: an error before the first step shall stand alone
                tasks[stage] = bars.add_task(stage, total=total)
            bars.advance(tasks[stage], done)

        try:
            yield tell
        finally:
            if tasks:
                bars.stop()
