"""Chooses a folder for numba's compiled kernels if neither the package nor the home folder can be written."""

from __future__ import annotations

import os
import stat
from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def settle(package: Path = PACKAGE) -> None:
    """Sets NUMBA_CACHE_DIR unless numba finds a folder itself; it does not in a container or a system's Python,
    for example.

    The folder is the user's own below TMPDIR. Nobody else may write to it, since numba runs what lies there.
    Nothing is set if no such folder can be made.
    """
    if "NUMBA_CACHE_DIR" in os.environ or _writable(package) or _writable(_home()):
        return
    own = Path(os.environ.get("TMPDIR", "/tmp")) / f"psdl-kernels-{os.getuid()}"
    try:
        own.mkdir(mode=0o700, exist_ok=True)
        found = own.lstat()
    except OSError:
        return
    if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077:
        os.environ["NUMBA_CACHE_DIR"] = str(own)


def _home() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))


def _writable(folder: Path) -> bool:
    """Returns whether files can be made in a folder, or in its nearest parent that exists."""
    while not folder.exists():
        folder = folder.parent
    return os.access(folder, os.W_OK | os.X_OK)
