"""A plain folder of images, in folders or not, whatever these are called.

Folders whose names say good, defective, mask, train or test label what they hold; see `tree`. Where no name says
anything images have no label: they are taken as good when learning, or, where that is not certain, are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from psdl.datasets import files, folder
from psdl.types import InputRule, Sample


def recognise(root: Path) -> str | None:
    return "image files" if root.is_dir() and files.pictures(root).images else None


def read(root: Path) -> Iterator[Sample]:
    return folder.samples(root, root, root.resolve().name)


def rule(samples: Sequence[Sample]) -> InputRule:
    return InputRule(resize=(256, 256), filter="lanczos")
