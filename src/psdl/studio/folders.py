"""Lists folders to choose from, and places dropped files; never outside the folders that are allowed."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from psdl.datasets.files import is_image
from psdl.errors import PsdlError

MOST = 2000  # folders of one that are listed
DROP = re.compile(r"[0-9a-z-]{1,40}")


def allowed(path: Path, roots: Sequence[Path]) -> Path:
    """Returns the folder with its links resolved. Raises PsdlError unless it lies below one of the roots."""
    found = path.expanduser().resolve()
    if not any(found.is_relative_to(root) for root in roots):
        raise PsdlError(f"{path} is outside the folders that this studio may show: give it with --allow")
    if not found.is_dir():
        raise PsdlError(f"no folder {path}: choose another one")
    return found


def listed(path: str, roots: Sequence[Path]) -> dict[str, Any]:
    """Returns the folders in a folder and its number of images. Without a path it is the user's home, or the first
    root if that is outside the roots. Raises PsdlError on folders outside the roots or that cannot be opened."""
    if not roots:
        raise PsdlError("this studio may show no folder of its machine: start it with --allow FOLDER")
    start = Path.home() if any(Path.home().is_relative_to(root) for root in roots) else roots[0]
    here = allowed(Path(path) if path else start, roots)
    folders, images = [], 0
    try:
        with os.scandir(here) as inside:
            for entry in inside:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    folders.append(entry.name)
                elif is_image(Path(entry.name)):
                    images += 1
    except OSError as error:
        raise PsdlError(f"{here} cannot be opened ({error.strerror}): choose another folder") from None
    up = here.parent if here.parent != here and any(here.parent.is_relative_to(root) for root in roots) else None
    names = sorted(folders, key=str.lower)[:MOST]
    return {"path": str(here), "up": None if up is None else str(up), "folders": names, "images": images}


def drop_file(images: Path, drop: str, name: str) -> Path:
    """Returns the path of a dropped file: images/DROP/NAME. Raises PsdlError on names that lead elsewhere, and on
    names of neither an image nor a .csv table."""
    parts = PurePosixPath(name).parts
    odd = any(part in ("..", ".") or part.startswith(".") or "\\" in part or "\0" in part for part in parts)
    if not DROP.fullmatch(drop) or not parts or odd or PurePosixPath(name).is_absolute() or len(name) > 400:
        raise PsdlError(f"{name!r} is no name for a dropped file")
    if not is_image(Path(name)) and Path(name).suffix.lower() != ".csv":
        raise PsdlError(f"{name} is no image: drop images such as .png or .jpg")
    return images.joinpath(drop, *parts)
