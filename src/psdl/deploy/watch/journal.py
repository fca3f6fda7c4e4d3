"""images.jsonl as a journal: a line is on the disk before anything follows from it, and a torn one is cut off."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from psdl.errors import PsdlError

NAME = "images.jsonl"


class Journal:
    """Lines in the folder `out`, which is made if it is not there. Raises PsdlError where it cannot be, and where
    another process writes there."""

    def __init__(self, out: Path) -> None:
        self.path = out / NAME
        try:
            out.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(out / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._file = self.path.open("ab")
        except BlockingIOError:
            raise PsdlError(f"another psdl watch writes into {out}: stop it, or give another --out") from None
        except OSError as error:
            raise PsdlError(f"{out} cannot be written ({error}): give another --out") from None
        self._cut()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        os.close(self._lock)

    def append(self, row: Mapping[str, Any]) -> None:
        """Writes a line and waits until it is on the disk."""
        self._file.write(json.dumps(row).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def rows(self) -> Iterator[dict[str, Any]]:
        """All lines, the oldest first. Raises PsdlError on one that psdl did not write."""
        with self.path.open("rb") as file:
            for n, line in enumerate(file, 1):
                try:
                    row = json.loads(line)
                    (row["path"], row["size"], row["changed"])
                except (ValueError, KeyError, TypeError):
                    raise PsdlError(
                        f"{self.path} line {n} is none that psdl watch wrote: mend it, or give another --out"
                    ) from None
                yield row

    def _cut(self) -> None:
        """Cuts off a last line without its end, which a killed process left."""
        with self.path.open("r+b") as file:
            data = file.read()
            whole = data.rfind(b"\n") + 1
            if whole < len(data):
                file.truncate(whole)
