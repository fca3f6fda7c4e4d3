"""Prepares the folder that results are written into: it must be empty, or its earlier results may be replaced."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from psdl._util import marker
from psdl.errors import PsdlError

RESUME_FOLDER = ".going"  # what a run that was broken off left for the next one
TABLES = ("images.csv", "images.jsonl", "parts.csv", "parts.jsonl", "skipped.csv")
FILES = ("report.html", "metrics.json", *TABLES)
FOLDERS = ("pictures", "maps", "heat", "masks")
PICTURES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".ppm", ".pgm"})


def check(out: Path, overwrite: bool = False) -> None:
    """Raises PsdlError if results may not be written into `out`.

    It may not be a file; it may not hold the results of a finished run, unless `overwrite` is set; and it may not
    hold results or images without the marker by which psdl's results are known.
    """
    if out.exists() and not out.is_dir():
        raise PsdlError(f"{out} is a file, but a folder for results was expected: name another with --out")
    held = _held(out)
    if not marker.is_results(out) and (foreign := held[0] if held else _picture(out)):
        raise PsdlError(
            f"{out} is no folder of psdl's results but holds {foreign}, which results would lie among: name"
            " another with --out"
        )
    if held and not overwrite and not (out / RESUME_FOLDER).exists():
        raise PsdlError(
            f"{out} holds the results of another run: name another folder with --out, or replace them with"
            " --overwrite"
        )


def prepare(out: Path, verb: str, overwrite: bool = False) -> None:
    """Makes and marks the folder `out` for the results of a verb, and removes what an earlier run left there.

    Models stay, and so does what allows a run that was broken off to be continued. Raises PsdlError like `check`.
    """
    check(out, overwrite)
    for name in _held(out):
        path = out / name
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    marker.mark(out, verb)


def _held(out: Path) -> list[str]:
    """Returns the names of results that a folder holds."""
    return [name for name in (*FILES, *FOLDERS) if (out / name).exists()]


def _picture(folder: Path) -> str:
    """Returns the name of an image below a folder; empty if there is none."""
    for _, _, names in os.walk(folder):
        for name in names:
            if Path(name).suffix.lower() in PICTURES:
                return name
    return ""
