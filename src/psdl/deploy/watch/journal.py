"""images.jsonl as a journal: a line is on the disk before anything follows from it, and an incomplete last line is
removed at the next start."""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from psdl.deploy.watch.folder import inside
from psdl.errors import PsdlError

NAME = "images.jsonl"
FULL = re.compile(r"images\.(\d{6,})\.jsonl")  # files of lines that were written before
MOST = 64 * 2**20  # bytes after which another file is begun
BLOCK = 64 * 2**10  # bytes read at a time from the end
VERDICTS = ("OK", "REVIEW", "NG", "ERROR")


class Place(NamedTuple):
    """A place in the journal: the number of a file, from 1, and the byte offset in it."""

    file: int
    byte: int


class Journal:
    """The journal in the folder `out`, which is created if it does not exist. It is locked against other
    processes.

    When the file would exceed `most` bytes, it is renamed to images.000001.jsonl and so on. Raises PsdlError if
    the folder cannot be written, and if another process writes there.
    """

    def __init__(self, out: Path, most: int = MOST) -> None:
        self.path, self.most = out / NAME, most
        try:
            out.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(out / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._file = self.path.open("ab", buffering=0)
            _cut(self.path)
        except BlockingIOError:
            raise PsdlError(f"another psdl watch writes into {out}: stop it, or give another --out") from None
        except OSError as error:
            raise PsdlError(f"{out} cannot be written ({error}): give another --out") from None

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        os.close(self._lock)

    def append(self, row: Mapping[str, Any]) -> None:
        """Writes a line and waits until it is on the disk. Raises OSError if that fails, and then leaves no part
        of the line."""
        self._check()
        line = json.dumps(row).encode() + b"\n"
        size = os.fstat(self._file.fileno()).st_size
        if size and size + len(line) > self.most:
            self._put_aside()
            size = 0
        try:
            written = 0
            while written < len(line):
                written += self._file.write(line[written:]) or 0
            os.fsync(self._file.fileno())
        except OSError:
            os.ftruncate(self._file.fileno(), size)
            raise

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yields all lines, the oldest first. Raises PsdlError on a line that psdl did not write."""
        for path in files_of(self.path.parent):
            with path.open("rb") as file:
                for n, line in enumerate(file, 1):
                    yield _row(line, f"{path} line {n}")

    def line(self, at: Place) -> tuple[bytes, Place] | None:
        """Returns the line at a place and the place after it; None if there is no complete line yet. At the end of
        a file, or if the file was removed, it is the first line of the next one."""
        for number, path in self._numbered():
            if number < at.file:
                continue
            with path.open("rb") as file:
                file.seek(at.byte if number == at.file else 0)
                line = file.readline()
                if line.endswith(b"\n"):
                    return line, Place(number, file.tell())
        return None

    def left(self, at: Place) -> int:
        """Returns the number of bytes after a place."""
        sizes = {number: path.stat().st_size for number, path in self._numbered() if number >= at.file}
        return max(0, sum(sizes.values()) - (at.byte if at.file in sizes else 0))

    @property
    def first(self) -> Place:
        """The place of the oldest line."""
        return Place(self._numbered()[0][0], 0)

    @property
    def end(self) -> Place:
        """The place where the next line will be written."""
        return Place(self._numbered()[-1][0], os.fstat(self._file.fileno()).st_size)

    def _numbered(self) -> list[tuple[int, Path]]:
        full = _full(self.path.parent)
        return [*full, (full[-1][0] + 1 if full else 1, self.path)]

    def _put_aside(self) -> None:
        number = self._numbered()[-1][0]
        os.rename(self.path, self.path.with_name(f"images.{number:06}.jsonl"))
        self._file.close()
        self._file = self.path.open("ab", buffering=0)

    def _check(self) -> None:
        """Raises OSError if the journal's path no longer leads to the open file, in which case further lines would
        be lost."""
        here, now = os.fstat(self._file.fileno()), self.path.stat()
        if (here.st_dev, here.st_ino) != (now.st_dev, now.st_ino):
            raise FileNotFoundError(
                f"{self.path} is another file than was written so far: put it back, or start anew"
            )


def files_of(out: Path) -> list[Path]:
    """Returns the files of the journal in the folder `out`, the oldest first."""
    return [path for _, path in _full(out)] + [out / NAME]


def _full(out: Path) -> list[tuple[int, Path]]:
    found = ((FULL.fullmatch(path.name), path) for path in out.glob("images.*.jsonl"))
    return sorted((int(match[1]), path) for match, path in found if match)


def _row(line: bytes, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
        inside(row["path"])
        if not all(isinstance(row[key], int) for key in ("size", "changed")) or row["verdict"] not in VERDICTS:
            raise ValueError(where)
    except (ValueError, KeyError, TypeError, RecursionError, PsdlError):
        raise PsdlError(f"{where} is none that psdl watch wrote: mend it, or give another --out") from None
    return dict(row)


def _cut(path: Path) -> None:
    """Removes an incomplete last line, which a killed process left. Reads backwards from the end to the last line
    break."""
    with path.open("r+b") as file:
        end = start = file.seek(0, os.SEEK_END)
        while start:
            start = max(0, start - BLOCK)
            file.seek(start)
            found = file.read(BLOCK).rfind(b"\n")
            if found >= 0:
                start += found + 1
                break
        if start < end:
            file.truncate(start)
