"""The file by which a folder of results is known, so that it is neither read as data nor written over unasked."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

NAME = ".psdl-results"


def mark(folder: Path, verb: str) -> None:
    """Writes the marker into `folder`, which is made if it is not there: which verb of which psdl writes here."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NAME).write_text(json.dumps({"verb": verb, "psdl": version("psdl")}) + "\n", encoding="utf-8")


def is_results(folder: Path) -> bool:
    """Whether psdl wrote its results into `folder`."""
    return (folder / NAME).is_file()
