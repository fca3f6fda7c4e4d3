"""Files into folders by their verdict."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from psdl._util import plugins
from psdl._util.atomic import atomic_write
from psdl.errors import PsdlError

WAYS = ("move", "link")


def check(way: str | None, folder: Path, out: Path) -> None:
    """Raises PsdlError on an unknown way, and where links cannot be made because the disks differ."""
    if way is None:
        return
    if way not in WAYS:
        raise plugins.unknown("way to --sort", way, WAYS)
    if way == "link" and os.stat(folder).st_dev != os.stat(out).st_dev:
        raise PsdlError(f"{folder} and {out} lie on different disks, which links cannot cross: use --sort move")


def place(source: Path, name: str, verdict: str, out: Path, way: str) -> None:
    """Moves or links a file to out/VERDICT/NAME, numbered if another file has that name. Done already, or with
    the source gone, it does nothing."""
    target = _free(source, out / verdict / name)
    if target is None:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        if way == "link":
            os.link(source, target)
        else:
            _move(source, target)
    except FileNotFoundError:
        return


def _move(source: Path, target: Path) -> None:
    """A rename; across disks a copy that gets its name when it is whole."""
    try:
        os.rename(source, target)
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise
        with atomic_write(target) as temporary:
            shutil.copy2(source, temporary)
        source.unlink()


def _free(source: Path, target: Path) -> Path | None:
    """The target, or the first of its numbered names that no other file has; None if it is the source already."""
    number, found = 0, target
    while found.exists():
        if source.exists() and os.path.samefile(source, found):
            return None
        number += 1
        found = target.with_name(f"{target.stem}-{number}{target.suffix}")
    return found
