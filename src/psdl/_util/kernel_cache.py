"""Where numba keeps compiled kernels, where neither the package nor the home folder can be written."""

from __future__ import annotations

import os
import stat
from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def settle(package: Path = PACKAGE) -> None:
    """Names a folder to numba unless it finds one itself, as in a container or a system's Python: the user's own
    below TMPDIR, which nobody else may write, since numba runs what lies there."""
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
    """Whether files can be made in a folder, or in the nearest one above it that is there."""
    while not folder.exists():
        folder = folder.parent
    return os.access(folder, os.W_OK | os.X_OK)
