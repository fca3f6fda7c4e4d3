"""The file that marks a folder of results, so that it is neither read as data nor replaced without being asked."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

NAME = ".psdl-results"


def mark(folder: Path, verb: str) -> None:
    """Writes into `folder`, which is made if needed, which verb of which version of psdl writes its results
    there."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NAME).write_text(json.dumps({"verb": verb, "psdl": version("psdl")}) + "\n", encoding="utf-8")


def is_results(folder: Path) -> bool:
    """Returns whether psdl wrote its results into `folder`."""
    return (folder / NAME).is_file()
