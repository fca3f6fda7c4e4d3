"""Reads the layout of MVTec AD (Bergmann et al. 2019): CATEGORY/train/good, CATEGORY/test/KIND,
CATEGORY/ground_truth/KIND.

Other data sets have it too, such as MVTec LOCO, MVTec AD 2 and MPDD. Capitals do not matter, and there may be
other words for good and train. The root may itself be one category. See `matching` for how masks belong to images.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from psdl.datasets import folder, words
from psdl.datasets.files import SYSTEM
from psdl.types import InputRule, Sample


def recognise(root: Path) -> str | None:
    """Returns the folder of good images to learn from as what the layout is recognised by; None if there is
    none."""
    found = categories(root)
    if found == [root]:
        return f"folder {_learned(root)}"
    return f"folders {found[0].name}/{_learned(found[0])}" + (" ..." if len(found) > 1 else "") if found else None


def read(root: Path) -> Iterator[Sample]:
    """Yields the samples of all categories."""
    for inside in categories(root):
        yield from folder.samples(root, inside, inside.resolve().name)


def rule(samples: Sequence[Sample]) -> InputRule:
    """Returns the input rule of the paper, see `methods/paper.py`: the middle 224 x 224 pixels after the shorter
    side is resized to 256. This cuts away the borders of MVTec AD's images."""
    return InputRule(resize=None, shorter=256, window=(224, 224), filter="bicubic")


def categories(root: Path) -> list[Path]:
    """Returns the folders in `root` that have a folder of good images to learn from, sorted; `root` alone if it
    has one itself."""
    found = [inside for inside in (root, *_folders(root)) if _learned(inside)]
    return found[:1] if root in found else found


def _learned(category: Path) -> str | None:
    """Returns the folder of good images to learn from, such as train/good, from the category's folder on; None if
    there is none."""
    for side in _folders(category):
        if words.meaning(side.name).split == "train":
            for kind in _folders(side):
                if words.meaning(kind.name).role == "good":
                    return f"{side.name}/{kind.name}"
    return None


def _folders(inside: Path) -> list[Path]:
    """Returns the folders in a folder, sorted, without those of the system; none if it does not exist."""
    if not inside.is_dir():
        return []
    return sorted(path for path in inside.iterdir() if path.is_dir() and path.name.lower() not in SYSTEM)
