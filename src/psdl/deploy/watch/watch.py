"""The loop: look, judge, write down, sort, tell."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from psdl.deploy import drift
from psdl.deploy.registry import Shelf
from psdl.deploy.watch import sorting
from psdl.deploy.watch.folder import File, Folder
from psdl.deploy.watch.journal import Journal
from psdl.deploy.watch.notifier import News
from psdl.errors import PsdlError
from psdl.input import decode
from psdl.report import tables
from psdl.scoring.result import Result
from psdl.types import Run, Sample

LOG = logging.getLogger("psdl")


@dataclass
class Watch:
    """What judges the files of a folder. shelf: holds one model, read again when its file changes; sort: move,
    link or None; run: an ordered map; say: is told each file's row."""

    shelf: Shelf
    folder: Folder
    journal: Journal
    news: Sequence[News]
    run: Run
    say: Callable[[dict[str, Any]], None]
    sort: str | None = None

    def __post_init__(self) -> None:
        """Goes on where a process before this one ended: the monitor sees what it saw, and files that were judged
        but not sorted yet are."""
        self.name, held = self.shelf.named(None)
        self.monitor = drift.Monitor(held.detector.model)
        self.judged = 0
        for row in self.journal.rows():
            self.judged += 1
            if "error" not in row and row["model"] == held.digest:
                drift.seen(self.monitor, row)
            file = File(row["path"], row["size"], row["changed"])
            if self.folder.unchanged(file):
                self.folder.known.add(file)
                self._sort(file, row)

    def until(self, stop: threading.Event, every: float, once: bool = False) -> None:
        """Judges what comes, looking every so many seconds, until `stop` is set; with `once` what is there."""
        while not stop.is_set():
            if self.shelf.refresh():
                self.monitor = drift.Monitor(self.shelf.named(None)[1].detector.model)
            files = self.folder.complete()
            for file, row in zip(files, self.run(self._row, _until(files, stop)), strict=False):
                if row is not None:
                    self._record(file, row)
            if once and not files and self.folder.before <= self.folder.known:
                return
            stop.wait(every)

    def _row(self, file: File) -> tuple[dict[str, Any], Result | None] | None:
        """What is written down of a file; None if it is gone or has changed meanwhile."""
        path = self.folder.path(file)
        held = self.shelf.named(None)[1]
        try:
            decode.header(str(path))
            result = held.detector.score(path, threads=1)
            row = tables.row(Sample(str(path), file.name, self.name), result)
        except PsdlError as error:
            result, row = None, {"path": file.name, "verdict": "ERROR", "error": str(error)}
        if not self.folder.unchanged(file):
            return None
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        stamp = {"size": file.size, "changed": file.changed, "judged": now, "model": held.digest}
        return {**row, **stamp}, result

    def _record(self, file: File, found: tuple[dict[str, Any], Result | None]) -> None:
        row, result = found
        if result is not None:
            for alarm in self.monitor.see(result.look, result.verdict.verdict, result.verdict.p_value):
                LOG.warning("%s", alarm.sentence)
            row = {**row, "drift": [alarm.sentence for alarm in self.monitor.now]}
        self.journal.append(row)
        self.folder.known.add(file)
        self._sort(file, row)
        for one in self.news:
            one.wake()
        self.judged += 1
        self.say(row)

    def _sort(self, file: File, row: dict[str, Any]) -> None:
        if self.sort is None:
            return
        try:
            sorting.place(self.folder.path(file), file.name, row["verdict"], self.journal.path.parent, self.sort)
        except OSError as error:
            LOG.warning("%s was judged but could not be sorted (%s): it stays", file.name, error)


def _until(files: Sequence[File], stop: threading.Event) -> Iterator[File]:
    """The files, until nobody wants more."""
    for file in files:
        if stop.is_set():
            return
        yield file


def started(model: str, device: str) -> Shelf:
    """The shelf of one model file. Raises PsdlError on a folder of several."""
    shelf = Shelf([model], device)
    if len(shelf.held) != 1:
        raise PsdlError(f"{model} holds {len(shelf.held)} models, but a folder is watched with one: give its file")
    return shelf
