"""A text file with the path of one image a line, from its own folder on; images have no label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from psdl.datasets.rows import existing
from psdl.datasets.tables import names
from psdl.errors import PsdlError
from psdl.types import InputRule, Sample


def recognise(root: Path) -> str | None:
    return "a list of paths" if root.is_file() and root.suffix.lower() == ".txt" else None


def read(root: Path) -> Iterator[Sample]:
    try:
        lines = root.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise PsdlError(f"{root} cannot be read ({error}): give a file of UTF-8 text, one path a line") from None
    written = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    found = [existing(root, number, root.parent, name) for number, name in written]
    for path, name in zip(found, names(found, root.parent), strict=True):
        yield Sample(path, name, root.resolve().parent.name)


def rule(samples: Sequence[Sample]) -> InputRule:
    return InputRule(resize=(256, 256), filter="lanczos")
