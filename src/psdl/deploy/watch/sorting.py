"""Sorts files into folders by their verdict."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from psdl._util import plugins
from psdl._util.atomic import atomic_write
from psdl.errors import PsdlError

WAYS = ("move", "link")


def check(way: str | None, folder: Path, out: Path) -> None:
    """Raises PsdlError if `way` is neither "move", "link" nor None, or if it is "link" and `folder` and `out` are
    on different disks."""
    if way is None:
        return
    if way not in WAYS:
        raise plugins.unknown("way to --sort", way, WAYS)
    if way == "link" and os.stat(folder).st_dev != os.stat(out).st_dev:
        raise PsdlError(f"{folder} and {out} lie on different disks, which links cannot cross: use --sort move")


def place(source: Path, name: str, verdict: str, out: Path, way: str) -> None:
    """Moves or links (`way`) the file `source` to out/VERDICT/NAME. If another file has that name, a number is
    added to it. Does nothing if the file is there already or `source` is gone."""
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
    """Moves a file; across disks by a copy that gets its name only when it is complete."""
    try:
        os.rename(source, target)
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise
        with atomic_write(target) as temporary:
            shutil.copy2(source, temporary)
        source.unlink()


def _free(source: Path, target: Path) -> Path | None:
    """Returns `target`, or the first of its numbered names that no file has; None if one of them is `source`
    itself."""
    number, found = 0, target
    while found.exists():
        if source.exists() and os.path.samefile(source, found):
            return None
        number += 1
        found = target.with_name(f"{target.stem}-{number}{target.suffix}")
    return found
