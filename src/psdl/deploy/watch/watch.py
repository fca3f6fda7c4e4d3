"""The loop: find files that are complete, judge, record, sort and notify."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from psdl.deploy import drift, judging
from psdl.deploy.judging import Seen
from psdl.deploy.loops import Loops
from psdl.deploy.registry import Held, ModelRegistry
from psdl.deploy.watch import sorting
from psdl.deploy.watch.folder import Complete, File, Folder
from psdl.deploy.watch.journal import Journal
from psdl.deploy.watch.notifier import News
from psdl.deploy.workers import Failed, Workers
from psdl.errors import PsdlError
from psdl.input import decode
from psdl.types import Run

LOG = logging.getLogger("psdl")
TRIES = 2  # times that a file is judged whose worker ends, before it is set aside
PAUSE = 10.0  # seconds, at most, until the next look after one that failed
BYTES = 8  # of a file a pixel, at most: no picture within the bound on pixels is larger

Found = tuple[dict[str, Any], Seen | None]  # what is written down of a file, and what the monitor is shown


@dataclass(frozen=True)
class Limits:
    """Of one image: its pixels, and the seconds that judging it may take."""

    pixels: int = 50_000_000
    seconds: float = 30.0


@dataclass
class Watch:
    """What judges the files of a folder. registry: holds one model, read again when its file changes; workers:
    that judge; loops: where what goes wrong is counted; run: an ordered map in threads; say: is called with each
    file's row; sort: move, link or None."""

    registry: ModelRegistry
    folder: Folder
    journal: Journal
    workers: Workers
    loops: Loops
    run: Run
    say: Callable[[dict[str, Any]], None]
    sort: str | None = None
    limits: Limits = field(default_factory=Limits)
    news: Sequence[News] = ()

    def __post_init__(self) -> None:
        """Goes on where a process before this one ended: the monitor sees what it saw, and files that were judged
        but not sorted yet are."""
        self.name, held = self.registry.named(None)
        self.monitor = drift.Monitor(held.detector.model)
        self.judged = 0
        self.looked = time.monotonic()
        for row in self.journal.rows():
            self.judged += 1
            if "error" not in row and row["model"] == held.digest:
                drift.seen(self.monitor, row)
            self._recall(row)

    def until(self, stop: threading.Event, every: float, once: bool = False) -> None:
        """Judges what comes, looking every so many seconds, until `stop` is set; with `once` what is there. A look
        that fails is said, and the next one comes a little later; with `once` it raises its error."""
        failed = 0
        while not stop.is_set():
            if once:
                if not self._scan(stop) and not self.folder.waiting:
                    return
                stop.wait(every)
                continue
            before = self.loops.state
            with self.loops.round("folder"):
                self._scan(stop)
            grown = self.loops.state["folder"].failures > (before["folder"].failures if "folder" in before else 0)
            failed = failed + 1 if grown else 0
            stop.wait(min(PAUSE, every * 2**failed) if failed else every)

    def _scan(self, stop: threading.Event) -> int:
        """Judges the files that are complete now; how many they were. Raises OSError where the folder or the
        journal cannot be had."""
        with self.loops.round("model"):
            if self.registry.refresh():
                held = self.registry.named(None)[1]
                self.monitor = drift.Monitor(held.detector.model)
                self.workers.load(held)
        files = self.folder.complete()
        self.looked = time.monotonic()
        for one, found in zip(files, self.run(self._row, _until(files, stop)), strict=False):
            if found is not None:
                self._record(one.file, *found)
                self.looked = time.monotonic()
        return len(files)

    def _row(self, one: Complete) -> Found | None:
        """What is written down of a file; None if it is gone, has changed meanwhile, or is not whole and may
        become so."""
        file, held = one.file, self.registry.named(None)[1]
        digest, seen = "", None
        try:
            data = self._content(file)
            digest = hashlib.sha256(data).hexdigest()
            row, seen = self._judge(held, data, file.name)
        except PsdlError as error:
            if not one.settled:
                self.folder.reopened(file)
                return None
            row = {"path": file.name, "verdict": "ERROR", "error": str(error)}
        if self.workers.ended or not self.folder.unchanged(file):
            return None
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        stamp = {"size": file.size, "changed": file.changed, "inode": file.inode, "touched": file.touched}
        return {**row, **stamp, "sha256": digest, "judged": now, "model": held.digest}, seen

    def _content(self, file: File) -> bytes:
        """The bytes of a file, which are judged and hashed alike. Raises PsdlError where they cannot be had."""
        path = self.folder.path(file.name)
        decode.check_file(path)
        if file.size > BYTES * self.limits.pixels:
            raise PsdlError(f"{path} has {file.size:,} bytes, more than --max-pixels can need: remove it")
        try:
            return path.read_bytes()
        except (OSError, MemoryError) as error:
            raise PsdlError(
                f"{path} cannot be read ({error or 'not enough memory'}): allow it, or remove it"
            ) from None

    def _judge(self, held: Held, data: bytes, name: str) -> tuple[dict[str, Any], Seen]:
        arguments = (data, name, self.name, self.limits.pixels)
        for left in reversed(range(TRIES)):
            try:
                found: tuple[dict[str, Any], Seen] = self.workers.call(
                    held, judging.row, arguments, time.monotonic() + self.limits.seconds
                )
                return found
            except Failed as error:
                if error.lasting or not left:
                    LOG.error("%s is set aside: %s", name, error)
                    raise PsdlError(f"{name} is set aside: {error}") from None
        raise AssertionError("every try returns or raises")

    def _record(self, file: File, row: dict[str, Any], seen: Seen | None) -> None:
        if seen is not None:
            for alarm in self.monitor.see(*seen):
                LOG.warning("%s", alarm.sentence)
            row = {**row, "drift": [alarm.sentence for alarm in self.monitor.now]}
        self.journal.append(row)
        self.folder.judged(file, row["sha256"])
        self._sort(file, row)
        for one in self.news:
            one.wake()
        self.judged += 1
        self.say(row)

    def _recall(self, row: dict[str, Any]) -> None:
        """Takes a line of the journal for what it says: its file was judged, and may have to be sorted still."""
        file = self.folder.seen(row["path"])
        if file is None:
            return
        written = (row.get(key, getattr(file, key)) for key in ("size", "changed", "inode", "touched"))
        self.folder.judged(File(file.name, *written), row.get("sha256", ""))
        if self.folder.same(file, self.folder.known[file.name]):
            self.folder.judged(file, row.get("sha256", ""))
            self._sort(file, row)

    def _sort(self, file: File, row: dict[str, Any]) -> None:
        if self.sort is None:
            return
        try:
            source, out = self.folder.path(file.name), self.journal.path.parent
            sorting.place(source, file.name, row["verdict"], out, self.sort)
        except (OSError, PsdlError) as error:
            LOG.warning("%s was judged but could not be sorted (%s): it stays", file.name, error)


def _until(files: Sequence[Complete], stop: threading.Event) -> Iterator[Complete]:
    """The files, until nobody wants more."""
    for file in files:
        if stop.is_set():
            return
        yield file


def started(model: str, device: str) -> ModelRegistry:
    """The registry of one model file. Raises PsdlError on a folder of several."""
    registry = ModelRegistry([model], device)
    if len(registry.held) != 1:
        raise PsdlError(
            f"{model} holds {len(registry.held)} models, but a folder is watched with one: give its file"
        )
    return registry
