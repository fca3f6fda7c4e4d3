"""A plain folder of images, in folders or not: all taken as good when learning, as unknown when scoring."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from psdl.data import files
from psdl.types import InputRule, Sample


def recognise(root: Path) -> str | None:
    return "image files" if files.images(root, deep=True) else None


def read(root: Path) -> Iterator[Sample]:
    category = root.resolve().name
    for path in files.images(root, deep=True):
        yield Sample(str(path), path.relative_to(root).as_posix(), category)


def rule(samples: Sequence[Sample]) -> InputRule:
    return InputRule(resize=(256, 256), filter="lanczos")
