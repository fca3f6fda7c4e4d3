"""Events of files below a folder, as the system reports them by inotify: closed, renamed into place, or opened
again. Without inotify, a file counts as complete when it has not changed for a while."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from watchdog.events import FileSystemEventHandler
from watchdog.observers import Observer

LOG = logging.getLogger("psdl")
WHOLE, BEGUN = ("closed", "moved"), ("created", "modified")  # kinds of events


class Events(FileSystemEventHandler):
    """Records which files below `root` their writers have closed. `able` says whether the system reports such
    events.

    Calling the object returns the changes since the last call: the names of files, and whether each is closed now.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._lock = threading.Lock()
        self._new: dict[str, bool] = {}
        logging.getLogger("watchdog").setLevel(logging.CRITICAL)  # it complains of events that come as it ends
        self._observer: Any = Observer()
        self.able = "inotify" in type(self._observer).__module__
        if self.able:
            try:
                self._observer.schedule(self, str(self.root), recursive=True)
                self._observer.start()
            except OSError as error:  # no more watches can be had
                self.able = False
                LOG.warning("%s is looked at again and again, for the system does not tell (%s)", root, error)

    def __enter__(self) -> Events:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.able:
            self._observer.stop()
            self._observer.join(5)

    def __call__(self) -> Mapping[str, bool]:
        with self._lock:
            found, self._new = self._new, {}
        return found

    def on_any_event(self, event: Any) -> None:
        """Records one event; called by the observer's thread."""
        if event.is_directory or event.event_type not in WHOLE + BEGUN:
            return
        path = os.fsdecode(event.dest_path if event.event_type == "moved" else event.src_path)
        try:
            name = Path(path).relative_to(self.root).as_posix()
        except ValueError:
            return
        with self._lock:
            if event.event_type in WHOLE:
                self._new[name] = True
            elif self._new.get(name) or event.event_type == "modified":
                self._new[name] = False
