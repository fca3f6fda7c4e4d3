"""What a person at a terminal sees while a verb works: findings, progress and results."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from psdl.errors import printable
from psdl.learning import Progress
from psdl.types import InputRule, Sample


class Lines:
    """Says lines on standard output and shows progress on standard error; neither when quiet."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet

    def say(self, *lines: str) -> None:
        if not self.quiet:
            for line in lines:
                print(printable(line), flush=True)

    def read(
        self, data: str, layout: str | None, category: list[str] | None, parts: str | None = None
    ) -> tuple[tuple[Sample, ...], InputRule]:
        """The samples of the named categories below `data`, and their input rule; says which layout it was.

        parts: a pattern that tells of which part an image is a view, see `with_parts`."""
        from psdl.data.read import choose, read, with_parts

        found = read(data, layout)
        self.say(f"{data}: layout {found.layout}, recognised by {found.reason}")
        return with_parts(choose(found.samples, category or []), parts), found.rule

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
