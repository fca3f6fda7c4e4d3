"""A folder that a camera writes into -> the files that are complete and new."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from psdl.datasets.files import is_image


class File(NamedTuple):
    """One file as it was seen. name: below the folder, with forward slashes; size in bytes; changed: when, in
    nanoseconds. A file of the same name that is another in size or time is another file."""

    name: str
    size: int
    changed: int


class Folder:
    """The images below `root`, but for hidden files and folders and what lies in `out`.

    settle: seconds. A file is complete when it was as it is at the last look, or when nothing changed it for so
    long. known: files that need no look, as a journal names them.
    """

    def __init__(self, root: Path, out: Path, settle: float, known: Iterable[File] = ()) -> None:
        self.root, self.out, self.settle = root, out.resolve(), settle
        self.known = set(known)
        self.before: set[File] = set()

    def path(self, file: File) -> Path:
        return self.root / file.name

    def complete(self) -> list[File]:
        """The files that are complete and not known, the oldest first. Forgets those that are gone."""
        now = set(self._files())
        self.known &= now
        old = time.time_ns() - int(self.settle * 1e9)
        found = [file for file in now - self.known if file in self.before or file.changed < old]
        self.before = now
        return sorted(found, key=lambda file: (file.changed, file.name))

    def unchanged(self, file: File) -> bool:
        """Whether a file is still as it was seen."""
        return _seen(self.path(file), file.name) == file

    def _files(self) -> Iterator[File]:
        for folder, inside, names in os.walk(self.root):
            here = Path(folder)
            inside[:] = [n for n in inside if not n.startswith(".") and (here / n).resolve() != self.out]
            for name in names:
                if is_image(here / name):
                    found = _seen(here / name, (here / name).relative_to(self.root).as_posix())
                    if found:
                        yield found


def _seen(path: Path, name: str) -> File | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return File(name, found.st_size, found.st_mtime_ns)
