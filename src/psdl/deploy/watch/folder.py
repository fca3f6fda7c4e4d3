"""Finds the files in a folder that a camera has completely written and that are new."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from psdl.datasets.files import is_image, why_unread
from psdl.errors import PsdlError, printable

LOG = logging.getLogger("psdl")


class File(NamedTuple):
    """The state of one file. `name` is its path below the folder, with forward slashes; `size` is in bytes.
    `changed` and `touched` are the times of the last change of its content and of its inode, in nanoseconds. A
    file that differs in any of them from its known state is examined again."""

    name: str
    size: int
    changed: int
    inode: int = 0
    touched: int = 0

    def alike(self, other: File) -> bool:
        """Returns whether size and time of change are equal. The contents are then equal too, unless the time was
        set by hand."""
        return (self.size, self.changed) == (other.size, other.changed)


class Known(NamedTuple):
    """A file that was judged, and the SHA-256 of its content; empty if an old journal does not have it."""

    file: File
    digest: str


class Complete(NamedTuple):
    """A file to judge. `settled` says that it has not changed for long enough to be final. Otherwise its writer
    has closed it and may open it again."""

    file: File
    settled: bool


class Folder:
    """The images below `root`, without hidden files and folders and without the folder `out`. Pictures in formats
    that cannot be read, such as HEIC, are skipped with a warning.

    A file is complete when it has not changed for `settle` seconds, or when its writer has closed it or renamed it
    into place. The function `closed` reports the latter, see `Events`.
    """

    def __init__(
        self, root: Path, out: Path, settle: float, closed: Callable[[], Mapping[str, bool]] = dict
    ) -> None:
        self.root, self.out, self.settle, self.closed = root, out.resolve(), settle, closed
        self.known: dict[str, Known] = {}
        self.waiting = 0  # files that are not complete yet
        self.passed: set[str] = set()  # names of pictures that are not read
        self._others: dict[str, float] = {}  # when a file that is no image by its name was first seen
        self._asked: set[str] = set()  # names of those that were looked into
        self._identity = _identity(root)
        self._since: dict[File, float] = {}  # when a file that is not known was first seen as it is
        self._whole: set[str] = set()  # names of files that their writers have closed
        self._moved = False

    def path(self, name: str) -> Path:
        """Returns the path of the file `name`. Raises PsdlError if the name leads out of the folder."""
        path = self.root / inside(name)
        if not path.parent.resolve().is_relative_to(self.root.resolve()):
            raise PsdlError(f"{name!r} leads out of {self.root}")
        return path

    def complete(self) -> list[Complete]:
        """Returns the files that are complete and not known, the oldest first. Files that are gone are forgotten.
        Raises OSError if the folder does not exist."""
        self._check_root()
        self._close()
        others: list[str] = []
        present = {file.name: file for file in self._files(others)}
        unsettled = self._pass_over(others)
        now = time.monotonic()
        fresh = [file for file in present.values() if not self._is_known(file)]
        self._since = {file: self._since.get(file, now) for file in fresh}
        if not self._moved:
            self.known = {name: known for name, known in self.known.items() if name in present}
        self._whole &= set(present)
        ready = [Complete(file, now - self._since[file] >= self.settle) for file in fresh]
        found = [one for one in ready if one.settled or one.file.name in self._whole]
        self.waiting = len(fresh) - len(found) + unsettled
        return sorted(found, key=lambda one: (one.file.changed, one.file.name))

    def unchanged(self, file: File) -> bool:
        """Returns whether the file is still in this state."""
        return self.seen(file.name) == file

    def seen(self, name: str) -> File | None:
        """Returns the present state of the file `name`; None if it does not exist."""
        return _seen(self.root / inside(name), name)

    def judged(self, file: File, digest: str) -> None:
        """Records that the file, in this state and with this SHA-256, was judged. It is not judged again unless it
        changes."""
        self.known[file.name] = Known(file, digest)

    def reopened(self, file: File) -> None:
        """Records that a file was not complete although its writer had closed it. It then waits until it has
        settled."""
        self._whole.discard(file.name)

    def same(self, file: File, known: Known) -> bool:
        """Returns whether a file has the content that was judged. If its size and the time of its content's change
        agree but other values do not, the SHA-256 decides, if it is known."""
        if file == known.file:
            return True
        if not file.alike(known.file):
            return False
        if not known.digest:
            return True
        try:
            with (self.root / file.name).open("rb") as content:
                return hashlib.file_digest(content, "sha256").hexdigest() == known.digest
        except OSError:
            return False

    def _is_known(self, file: File) -> bool:
        known = self.known.get(file.name)
        if known is None or not self.same(file, known):
            return False
        self.known[file.name] = known._replace(file=file)
        return True

    def _close(self) -> None:
        for name, whole in self.closed().items():
            (self._whole.add if whole else self._whole.discard)(name)

    def _check_root(self) -> None:
        """Raises OSError if the folder does not exist. If it is another folder than at the start, for instance
        because a disk was unmounted, nothing is forgotten, because it may come back."""
        now = _identity(self.root)
        if now is None:
            raise FileNotFoundError(f"the folder {self.root} is not there: mount it, or make it again")
        if now != self._identity and not self._moved:
            LOG.warning("%s is another folder than at the start: was a disk taken off?", self.root)
        self._moved = now != self._identity

    def _pass_over(self, names: Sequence[str]) -> int:
        """Examines once each file that has no image's name, and warns of those that are pictures nevertheless.
        Returns how many have not settled yet."""
        now = time.monotonic()
        self._others = {name: self._others.get(name, now) for name in names}
        self._asked &= set(names)
        self.passed &= set(names)
        waiting = [name for name in names if name not in self._asked]
        ready = [name for name in waiting if now - self._others[name] >= self.settle]
        self._asked |= set(ready)
        whys = {name: why for name in ready if (why := why_unread(self.root / name))}
        if whys:
            self.passed |= set(whys)
            first = min(whys)
            LOG.warning("%d files are passed over, such as %s: %s", len(whys), printable(first), whys[first])
        return len(waiting) - len(ready)

    def _files(self, others: list[str]) -> Iterator[File]:
        """Yields the images; the names of all other files are appended to `others`."""
        for folder, below, names in os.walk(self.root):
            here = Path(folder)
            below[:] = [n for n in below if not n.startswith(".") and (here / n).resolve() != self.out]
            for base in names:
                name = (here / base).relative_to(self.root).as_posix()
                if is_image(here / base):
                    if found := _seen(here / base, name):
                        yield found
                elif not base.startswith("."):
                    others.append(name)


def inside(name: Any) -> PurePosixPath:
    """Returns a name as a relative path below a folder. Raises PsdlError if it is no such path."""
    path = PurePosixPath(name) if isinstance(name, str) and "\0" not in name else PurePosixPath("..")
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise PsdlError(f"{name!r} is no name of a file below a folder")
    return path


def _identity(root: Path) -> tuple[int, int] | None:
    try:
        found = root.stat()
        return (found.st_dev, found.st_ino) if root.is_dir() else None
    except OSError:
        return None


def _seen(path: Path, name: str) -> File | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return File(name, found.st_size, found.st_mtime_ns, found.st_ino, found.st_ctime_ns)
