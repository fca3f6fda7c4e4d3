"""A text file with the path of one image a line, from its own folder on; images have no label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from psdl.errors import PsdlError
from psdl.types import InputRule, Sample


def recognise(root: Path) -> str | None:
    return "a list of paths" if root.is_file() and root.suffix.lower() == ".txt" else None


def read(root: Path) -> Iterator[Sample]:
    try:
        lines = root.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise PsdlError(f"{root} cannot be read ({error}): give a file of UTF-8 text, one path a line") from None
    for number, line in enumerate(lines, 1):
        name = line.strip()
        if name and not (root.parent / name).is_file():
            raise PsdlError(f"{root} line {number}: no file {name} below {root.parent}")
        if name:
            yield Sample(str(root.parent / name), name, root.resolve().parent.name)


def rule(samples: Sequence[Sample]) -> InputRule:
    return InputRule(resize=(256, 256), filter="lanczos")
