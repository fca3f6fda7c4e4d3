"""The loop of a watch: finds complete files, judges and records them, sorts them and notifies receivers."""

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
    """The limits for one image: its number of pixels, and the seconds that judging it may take."""

    pixels: int = 50_000_000
    seconds: float = 30.0


@dataclass
class Watch:
    """Judges the files of a folder.

    - `registry` holds one model, which is read again when its file changes.
    - `workers` judge the images. `loops` count what fails.
    - `run` is an ordered map, usually with threads.
    - `say` is called with the journal's row of each file.
    - `sort` is "move", "link" or None, see `sorting.place`.
    - `news` send the rows to receivers.
    """

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
        """Continues where an earlier process ended: the monitor is shown the images of the journal that this model
        judged, and files that were judged but not sorted yet are sorted."""
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
        """Judges new files until `stop` is set, with a scan of the folder every `every` seconds.

        With `once` it returns when no file is left to judge or to wait for, and errors are raised. Otherwise a
        scan that fails is logged, and the pause before the next one doubles with each failure, up to PAUSE
        seconds.
        """
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
        """Judges the files that are complete now and returns their number. Raises OSError if the folder or the
        journal cannot be accessed."""
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
        """Returns the journal's row of a file and what the monitor is shown. Returns None if the file is gone, has
        changed meanwhile, or cannot be read and may still be incomplete."""
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
        """Returns the content of a file, which is both judged and hashed. Raises PsdlError if it cannot be read or
        is too large."""
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
        """Applies a row of the journal: its file counts as judged, and is sorted if that was not done."""
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
    """Yields the files until `stop` is set."""
    for file in files:
        if stop.is_set():
            return
        yield file


def started(model: str, device: str) -> ModelRegistry:
    """Returns a registry with the one model file. Raises PsdlError if `model` is a folder with several."""
    registry = ModelRegistry([model], device)
    if len(registry.held) != 1:
        raise PsdlError(
            f"{model} holds {len(registry.held)} models, but a folder is watched with one: give its file"
        )
    return registry
