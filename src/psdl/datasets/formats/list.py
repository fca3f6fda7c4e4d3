"""Reads a text file that names one image in each line, by its path from the text's folder on. The folders and
names in these paths label the images.

Quotes about a path are ignored, and so are lines that begin with `#`, unless a file is called so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from psdl.datasets.paths import labelled, names
from psdl.datasets.rows import existing, text_of
from psdl.errors import PsdlError
from psdl.types import InputRule, Sample


def recognise(root: Path) -> str | None:
    """Returns "a list of paths" if `root` is a text file (.txt); None if not."""
    return "a list of paths" if root.is_file() and root.suffix.lower() == ".txt" else None


def read(root: Path) -> Iterator[Sample]:
    """Yields the samples that the file names. Raises PsdlError if the file cannot be read, if an image is missing,
    and if a line has more than a path."""
    lines = text_of(root).splitlines()
    written = [(number, line.strip().strip("\"'")) for number, line in enumerate(lines, 1) if line.strip("\"' \t")]
    found = [_file(root, number, name) for number, name in written if not _comment(root, name)]
    named = zip(found, names(found, root.parent), strict=True)
    yield from labelled([Sample(path, name, root.resolve().parent.name) for path, name in named], root)


def _comment(root: Path, line: str) -> bool:
    """Returns whether a line is a comment: it begins with `#` and is not the name of a file."""
    return line.startswith("#") and not (root.parent / line).is_file()


def _file(root: Path, number: int, line: str) -> str:
    """Returns the path of the image that a line names. Raises PsdlError if there is no such file, or if something
    follows the path."""
    path, _, more = line.rpartition(" ")
    if more and (root.parent / path).is_file() and not (root.parent / line).exists():
        raise PsdlError(
            f"{root} line {number} has {more!r} behind the path, expected a path alone: for labels give a .csv"
            " file with the columns path and label"
        )
    return existing(root, number, root.parent, line)


def rule(samples: Sequence[Sample]) -> InputRule:
    """Returns the input rule of the layout: both sides resized to 256 pixels."""
    return InputRule(resize=(256, 256), filter="lanczos")
