"""A folder that a camera writes into -> the files that are complete and new."""

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
    """One file as it was seen. name: below the folder, with forward slashes; size in bytes; changed: its content,
    touched: that or its rights, both in nanoseconds; inode. A file of the same name that differs in any is looked
    at again."""

    name: str
    size: int
    changed: int
    inode: int = 0
    touched: int = 0

    def alike(self, other: File) -> bool:
        """Whether both may hold the same bytes: they do unless somebody set the time by hand."""
        return (self.size, self.changed) == (other.size, other.changed)


class Known(NamedTuple):
    """A file that was judged, and the SHA-256 of the bytes that were; empty in journals before it was kept."""

    file: File
    digest: str


class Complete(NamedTuple):
    """A file to judge. settled: nothing has changed it for so long that it will stay as it is; else its writer has
    closed it, and may open it again."""

    file: File
    settled: bool


class Folder:
    """The images below `root`, but for hidden files and folders and what lies in `out`. Pictures that cannot be
    read, such as HEIC files, are passed over with a warning.

    A file is complete when nothing has changed it for `settle` seconds, or when its writer has closed it or
    renamed it into place, as `closed` reports, which gives the names of files that were since it was asked
    last.
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
        """Where the file of a name lies. Raises PsdlError on a name that leads out of the folder."""
        path = self.root / inside(name)
        if not path.parent.resolve().is_relative_to(self.root.resolve()):
            raise PsdlError(f"{name!r} leads out of {self.root}")
        return path

    def complete(self) -> list[Complete]:
        """The files that are complete and not known, the oldest first. Forgets those that are gone. Raises OSError
        where the folder is not there."""
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
        """Whether a file is still as it was seen."""
        return self.seen(file.name) == file

    def seen(self, name: str) -> File | None:
        """The file of a name as it is now; None if there is none."""
        return _seen(self.root / inside(name), name)

    def judged(self, file: File, digest: str) -> None:
        """This file needs no look any more, unless it changes."""
        self.known[file.name] = Known(file, digest)

    def reopened(self, file: File) -> None:
        """A file whose writer had closed it is not whole: it waits until it has settled."""
        self._whole.discard(file.name)

    def same(self, file: File, known: Known) -> bool:
        """Whether a file holds the bytes that were judged: its content is asked where inode or times leave a
        doubt."""
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
        """Raises OSError where the folder is not there. If it is another than at the start, as when a disk
        was taken off, nothing is forgotten: it may come back."""
        now = _identity(self.root)
        if now is None:
            raise FileNotFoundError(f"the folder {self.root} is not there: mount it, or make it again")
        if now != self._identity and not self._moved:
            LOG.warning("%s is another folder than at the start: was a disk taken off?", self.root)
        self._moved = now != self._identity

    def _pass_over(self, names: Sequence[str]) -> int:
        """Looks once into each file that is no image by its name and names those that are pictures all the same;
        how many still wait for it."""
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
        """The images; others: the names of all other files are added to it."""
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
    """A name as a path below a folder. Raises PsdlError on one that leads elsewhere."""
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
