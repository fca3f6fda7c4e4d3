"""A text file with the path of one image a line, from its own folder on; its folders say what an image is.

Quotes about a path are left out, and so are lines that begin with `#`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from psdl.datasets.paths import labelled, names
from psdl.datasets.rows import existing
from psdl.errors import PsdlError
from psdl.types import InputRule, Sample


def recognise(root: Path) -> str | None:
    return "a list of paths" if root.is_file() and root.suffix.lower() == ".txt" else None


def read(root: Path) -> Iterator[Sample]:
    try:
        lines = root.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise PsdlError(f"{root} cannot be read ({error}): give a file of UTF-8 text, one path a line") from None
    written = [(number, line.strip().strip("\"'")) for number, line in enumerate(lines, 1) if line.strip("\"' \t")]
    found = [_file(root, number, name) for number, name in written if not _comment(root, name)]
    named = zip(found, names(found, root.parent), strict=True)
    yield from labelled([Sample(path, name, root.resolve().parent.name) for path, name in named], root)


def _comment(root: Path, line: str) -> bool:
    return line.startswith("#") and not (root.parent / line).is_file()


def _file(root: Path, number: int, line: str) -> str:
    """The file that a line names. Raises PsdlError if it is not there, or something stands behind its path."""
    path, _, more = line.rpartition(" ")
    if more and (root.parent / path).is_file() and not (root.parent / line).exists():
        raise PsdlError(
            f"{root} line {number} has {more!r} behind the path, expected a path alone: for labels give a .csv"
            " file with the columns path and label"
        )
    return existing(root, number, root.parent, line)


def rule(samples: Sequence[Sample]) -> InputRule:
    return InputRule(resize=(256, 256), filter="lanczos")
