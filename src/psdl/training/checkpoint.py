"""Learning that goes on where it was broken off: what took long is kept beside the model until that is written."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import psutil
from numpy.typing import NDArray

from psdl._util.atomic import atomic_write
from psdl.errors import PsdlError

__all__ = ["Checkpoint", "finished", "folder_of", "opened"]

PREFIX = "psdl-"  # of temporary folders
Arrays = Mapping[str, NDArray[Any]]


class Checkpoint:
    """What a run of learning has finished so far, in `folder`; None: nothing is kept."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder

    def arrays(self, name: str, compute: Callable[[], Arrays]) -> tuple[Arrays, bool]:
        """Named arrays: what an earlier run kept under `name` (then True), else what `compute` gives, kept."""
        if self.folder is None:
            return compute(), False
        file = self.folder / f"{name}.npz"
        known = _read(file)
        if known is not None:
            return known, True
        found = compute()
        with atomic_write(file) as temporary, temporary.open("wb") as target:
            np.savez(target, **found)  # type: ignore[arg-type]
        return found, False

    def signals(self) -> Path | None:
        """A folder for files of signals, on the disk for temporary files; the same as of the run broken off.
        Raises PsdlError where another user has taken its name."""
        if self.folder is None:
            return None
        made = _signals(self.folder)
        with suppress(FileExistsError):
            made.mkdir(mode=0o700)
        if not _own(made):
            raise PsdlError(f"{made} is no folder of this user: remove it, or set TMPDIR to another folder")
        return made


NOTHING = Checkpoint()


def folder_of(model: Path) -> Path:
    """Where a run that learns this model file keeps what it has finished."""
    return model.with_name(f".{model.name}.going")


@contextmanager
def opened(folder: Path | None, key: str, say: Callable[[str], None] = lambda _: None) -> Iterator[Checkpoint]:
    """The checkpoint in `folder`, for one run at a time; `key` states all that the result depends on: what was
    kept under another key is removed. `say` is called if an earlier run is continued.

    After a PsdlError nothing stays. Raises one where another process is at work on the folder.
    """
    if folder is None:
        yield NOTHING
        return
    _claim(folder)
    note = folder / "key"
    if _text(note) == key:
        say("going on where an earlier run with the same images and settings was broken off")
    else:
        finished(folder)
        _claim(folder)
        note.write_text(key, encoding="utf-8")
    try:
        yield Checkpoint(folder)
    except PsdlError:
        finished(folder)
        raise
    finally:
        (folder / "process").unlink(missing_ok=True)


def finished(folder: Path) -> None:
    """Removes what was kept: the model is written."""
    signals = _signals(folder)
    if _own(signals):
        shutil.rmtree(signals, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def _signals(folder: Path) -> Path:
    """Where the signals of a checkpoint lie. The name follows from the checkpoint's own path, and no file says it:
    whoever can write there shall not say which folder is removed."""
    name = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"{PREFIX}{name}"


def _own(folder: Path) -> bool:
    """Whether it is a folder, no link to one, of the user that this process works for."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and (not hasattr(os, "getuid") or found.st_uid == os.getuid())


def _text(note: Path) -> str:
    """What a note says; nothing if it is not there or no text."""
    try:
        return note.read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return ""


def _claim(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / "process"
    holder = _text(note)
    number = holder.partition(" ")[0]
    if number.isdecimal() and holder != _named(os.getpid()) and holder == _named(int(number)):
        raise PsdlError(
            f"process {number} is learning with {folder}: wait until it is done, or name another model"
        )
    note.write_text(_named(os.getpid()), encoding="utf-8")


def _named(process: int) -> str:
    """A process by its number and when it began, since numbers come again; empty if there is none."""
    try:
        return f"{process} {psutil.Process(process).create_time():.0f}"
    except (psutil.Error, OverflowError):
        return ""


def _read(file: Path) -> Arrays | None:
    """The arrays of a file; None if it is not there or not whole."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, EOFError, ValueError, KeyError, BadZipFile):
        return None
