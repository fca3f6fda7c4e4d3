"""MVTec AD's layout (Bergmann et al. 2019): CATEGORY/train/good, CATEGORY/test/KIND, CATEGORY/ground_truth/KIND.

And what is laid out like it: MVTec LOCO, MVTec AD 2, MPDD; in any capitals, with other words for good and train.

The root may itself be one category. Masks match by stem, see `matching`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from psdl.datasets import folder, words
from psdl.datasets.files import SYSTEM
from psdl.types import InputRule, Sample


def recognise(root: Path) -> str | None:
    found = categories(root)
    if found == [root]:
        return f"folder {_learned(root)}"
    return f"folders {found[0].name}/{_learned(found[0])}" + (" ..." if len(found) > 1 else "") if found else None


def read(root: Path) -> Iterator[Sample]:
    for inside in categories(root):
        yield from folder.samples(root, inside, inside.resolve().name)


def rule(samples: Sequence[Sample]) -> InputRule:
    """The paper's, whose program cuts the border of MVTec AD's images away."""
    return InputRule(resize=None, shorter=256, window=(224, 224), filter="bicubic")


def categories(root: Path) -> list[Path]:
    """The folders below `root` that have a folder for good images to learn from; `root` alone if it has one."""
    found = [inside for inside in (root, *_folders(root)) if _learned(inside)]
    return found[:1] if root in found else found


def _learned(category: Path) -> str | None:
    """The folder of good images to learn from, such as train/good, if a category has one."""
    for side in _folders(category):
        if words.meaning(side.name).split == "train":
            for kind in _folders(side):
                if words.meaning(kind.name).role == "good":
                    return f"{side.name}/{kind.name}"
    return None


def _folders(inside: Path) -> list[Path]:
    if not inside.is_dir():
        return []
    return sorted(path for path in inside.iterdir() if path.is_dir() and path.name.lower() not in SYSTEM)
