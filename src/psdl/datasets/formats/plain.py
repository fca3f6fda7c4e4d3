"""Reads any folder of images, whatever folders it has and whatever these are called.

Folders whose names say good, defective, mask, train or test label what they hold, see `tree`. If no name says
anything, images have no label. They are taken as good for learning, or, if that is not certain, left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from psdl.datasets import files, folder
from psdl.types import InputRule, Sample


def recognise(root: Path) -> str | None:
    """Returns "image files" if there are images below the folder; None if not. Raises PsdlError if a folder cannot
    be opened."""
    return "image files" if root.is_dir() and files.pictures(root).images else None


def read(root: Path) -> Iterator[Sample]:
    """Yields the samples of the folder, which is one category."""
    return folder.samples(root, root, root.resolve().name)


def rule(samples: Sequence[Sample]) -> InputRule:
    """Returns the input rule of the layout: both sides resized to 256 pixels."""
    return InputRule(resize=(256, 256), filter="lanczos")
