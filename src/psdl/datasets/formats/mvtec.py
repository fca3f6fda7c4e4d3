"""MVTec AD's layout (Bergmann et al. 2019): CATEGORY/train/good, CATEGORY/test/KIND, CATEGORY/ground_truth/KIND.

The root may itself be one category. Masks match by stem, with or without `_mask`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from psdl.datasets import files
from psdl.errors import PsdlError
from psdl.types import InputRule, Sample


def recognise(root: Path) -> str | None:
    found = categories(root)
    if found == [root]:
        return "folder train/good"
    return f"folders {found[0].name}/train/good" + (" ..." if len(found) > 1 else "") if found else None


def read(root: Path) -> Iterator[Sample]:
    for folder in categories(root):
        yield from category(root, folder)


def rule(samples: Sequence[Sample]) -> InputRule:
    """The paper's, whose program cuts the border of MVTec AD's images away."""
    return InputRule(resize=None, shorter=256, window=(224, 224), filter="bicubic")


def categories(root: Path, good: str = "good") -> list[Path]:
    """The folders below `root` that have a folder train/`good`; `root` alone if it has one."""
    folders = [root, *sorted(root.iterdir())] if root.is_dir() else []
    found = [folder for folder in folders if (folder / "train" / good).is_dir()]
    return found[:1] if root in found else found


def category(root: Path, folder: Path, good: str = "good") -> Iterator[Sample]:
    """The samples of one category; `good`: what the folders of good images are called."""
    name = folder.name or folder.resolve().name
    for path in files.images(folder / "train" / good):
        yield Sample(str(path), _name(path, root), name, "train", 0, "good")
    test = folder / "test"
    for kind in sorted(p for p in test.iterdir() if p.is_dir()) if test.is_dir() else []:
        fine = kind.name == good
        masks = {} if fine else files.masks_by_stem(folder / "ground_truth" / kind.name)
        for path in files.images(kind):
            mask = masks.get(path.stem)
            if masks and mask is None:
                raise PsdlError(
                    f"no mask for {path}: expected {path.stem}_mask.png or {path.stem}.png in"
                    f" {folder / 'ground_truth' / kind.name}, as for the others of its kind"
                )
            label = "good" if fine else kind.name
            yield Sample(
                str(path), _name(path, root), name, "test", int(not fine), label, str(mask) if mask else None
            )


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()
