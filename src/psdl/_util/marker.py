"""The file that tells a folder of results from one of data."""

from __future__ import annotations

from pathlib import Path

NAME = ".psdl-results"
TEXT = "psdl wrote this folder. What lies in it is left out where images are looked for.\n"


def mark(folder: Path) -> None:
    """Makes the folder, if it is not there, and marks it as results of psdl."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NAME).write_text(TEXT, encoding="utf-8")


def marked(folder: Path) -> bool:
    """Whether the folder is marked as results of psdl."""
    return (folder / NAME).is_file()
