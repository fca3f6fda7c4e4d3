"""The folder that results are written into: empty before, or emptied of an earlier run's results when asked to."""

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
    """Raises PsdlError where results may not go: where `out` is a file, where it holds the results of a run that
    ended, unless they may be overwritten, and where it holds results or images that no marker says are psdl's."""
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
    """Makes and marks the folder `out` for the results of a verb, and removes what an earlier run left there, but
    for models and for what lets a run that was broken off go on. Raises PsdlError like `check`."""
    check(out, overwrite)
    for name in _held(out):
        path = out / name
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    marker.mark(out, verb)


def _held(out: Path) -> list[str]:
    """The results that a folder holds."""
    return [name for name in (*FILES, *FOLDERS) if (out / name).exists()]


def _picture(folder: Path) -> str:
    """The name of an image below a folder; empty if there is none."""
    for _, _, names in os.walk(folder):
        for name in names:
            if Path(name).suffix.lower() in PICTURES:
                return name
    return ""
