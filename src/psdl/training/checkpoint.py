"""Checkpoints of learning: results that took long are kept beside the model until it is written, so that a run
that was broken off can be continued."""

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
    """The results that a run of learning keeps in `folder`; with None it keeps nothing."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder

    def arrays(self, name: str, compute: Callable[[], Arrays]) -> tuple[Arrays, bool]:
        """Returns named arrays, and whether an earlier run had kept them under `name`.

        Arrays that were not kept are computed by `compute` and then kept.
        """
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
        """Returns a folder for files of signals, on the disk for temporary files; None if nothing is kept.

        A continued run gets the folder of the run that was broken off. Raises PsdlError if another user holds its
        name.
        """
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
    """Returns the folder in which a run that learns this model file keeps its checkpoint."""
    return model.with_name(f".{model.name}.going")


@contextmanager
def opened(folder: Path | None, key: str, say: Callable[[str], None] = lambda _: None) -> Iterator[Checkpoint]:
    """Opens the checkpoint in `folder` for one run at a time; use `with`.

    `key` states all that the result depends on. Results kept under another key are removed. `say` is called if an
    earlier run is continued. If the body raises PsdlError, the checkpoint is removed. Raises PsdlError if another
    process is using the folder. Without a folder nothing is kept.
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
    """Removes the checkpoint; to be called once the model is written."""
    signals = _signals(folder)
    if _own(signals):
        shutil.rmtree(signals, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def _signals(folder: Path) -> Path:
    """Returns the folder for the signals of a checkpoint. Its name is derived from the checkpoint's own path and
    stands in no file, so that nobody who can write there decides which folder is removed."""
    name = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"{PREFIX}{name}"


def _own(folder: Path) -> bool:
    """Returns whether the path is a folder (not a link to one) that belongs to the user of this process."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and (not hasattr(os, "getuid") or found.st_uid == os.getuid())


def _text(note: Path) -> str:
    """Returns the content of a text file; empty if it is missing or is no text."""
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
    """Returns the number of a process with the time it began, since numbers are used again; empty if there is
    none."""
    try:
        return f"{process} {psutil.Process(process).create_time():.0f}"
    except (psutil.Error, OverflowError):
        return ""


def _read(file: Path) -> Arrays | None:
    """Returns the arrays of a file; None if it is missing or damaged."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, EOFError, ValueError, KeyError, BadZipFile):
        return None
