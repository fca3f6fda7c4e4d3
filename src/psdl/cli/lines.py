"""What a person at a terminal sees while a verb works: findings, progress and results."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from psdl.cli.options import as_flags
from psdl.datasets.check import Usable
from psdl.datasets.files import Left
from psdl.errors import printable
from psdl.jobs.context import RunContext, ignore_progress
from psdl.types import InputRule, Progress, Run, Sample

if TYPE_CHECKING:
    from psdl.datasets.read import Found


class Reading(NamedTuple):
    """How a data set is read. `layout` names its layout instead of recognising it; `category` selects categories;
    `parts` is a pattern that says of which physical part an image is a view, see `with_parts`; `good` and `bad`
    are patterns of names of good and defective images; `published` asks for the input rule that was published for
    the layout, see `read`."""

    layout: str | None = None
    category: list[str] | None = None
    parts: str | None = None
    good: list[str] | None = None
    bad: list[str] | None = None
    published: bool = False


class Lines:
    """Prints lines on standard output and shows progress on standard error; neither if `quiet` is set."""

    def __init__(self, quiet: bool, about: str = "") -> None:
        self.quiet, self.about = quiet, about
        self.left: tuple[Left, ...] = ()  # pictures that were not read as samples the last time

    def of(self, name: str) -> Lines:
        """Returns lines about one of several things that are worked on, each with its name in front."""
        return Lines(self.quiet, f"{name}: ")

    def say(self, *lines: str) -> None:
        if not self.quiet:
            for line in lines:
                about = "" if line.startswith(self.about) else self.about
                print(printable(as_flags(f"{about}{line}")), flush=True)

    def read(self, data: str, reading: Reading) -> Found:
        """Reads the data below `data` and selects the categories; says which layout it has, what each folder is
        taken for, and what is left out."""
        from psdl.datasets.choosing import described
        from psdl.datasets.read import choose, read, with_parts

        found = read(data, reading.layout, reading.good or (), reading.bad or (), reading.published)
        samples = choose(found.samples, reading.category or [])
        self.left = found.left
        self.say(f"{data}: layout {found.layout}, recognised by {found.reason}", *described(samples, found.left))
        return found._replace(samples=with_parts(samples, reading.parts))

    def context(self, jobs: int | Run | None, progress: Progress = ignore_progress) -> RunContext:
        """Returns the context in which work runs; its findings are printed by these lines."""
        log = logging.Logger("psdl.cli", logging.INFO)
        log.addHandler(_Said(self))
        return RunContext(jobs, progress, log)

    def usable(
        self, samples: Sequence[Sample], rule: InputRule | None, on_error: str, jobs: int | None = None
    ) -> Usable:
        """Returns the samples that can be used, and the others, for each of which the reason is printed. With
        `on_error` "fail" all samples are returned unchecked.

        Raises PsdlError on a value of `on_error` other than "fail" and "skip", and if no file can be used.
        """
        from psdl._util import plugins
        from psdl.datasets import check
        from psdl.errors import PsdlError
        from psdl.jobs import runner

        if on_error not in ("fail", "skip"):
            raise plugins.unknown("value of --on-error", on_error, ("fail", "skip"))
        if on_error == "fail":
            return Usable(tuple(samples), ())
        with self.progress() as progress:
            found = check.usable(samples, rule, runner(jobs), lambda n: progress("files", n, len(samples)))
        for _, why in found.skipped:
            self.say(f"skipped: {why}")
        if not found.samples:
            raise PsdlError(f"none of {len(samples)} files can be used, the first: {found.skipped[0].why}")
        return found

    def named_stages(self, progress: Progress) -> Progress:
        """Returns `progress` with stages that are named by what these lines are about."""
        return lambda stage, done, total: progress(f"{self.about}{stage}", done, total)

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Shows a bar for each stage, with the time left, while the block runs."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description:12}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        tasks: dict[str, Any] = {}
        bars = Progress(
            *columns,
            console=Console(file=sys.stderr),
            disable=self.quiet,
            redirect_stdout=sys.stdout.isatty(),  # above the bars on a terminal; into a file where it leads to one
        )

        def advance(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                bars.start()  # only now: an error before the first step shall stand alone
                tasks[stage] = bars.add_task(stage, total=total)
            bars.advance(tasks[stage], done)

        try:
            yield advance
        finally:
            if tasks:
                bars.stop()


class _Said(logging.Handler):
    """Prints what is logged as lines."""

    def __init__(self, lines: Lines) -> None:
        super().__init__()
        self.lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.say(record.getMessage())
