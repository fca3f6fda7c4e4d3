"""MVTec AD's layout (Bergmann et al. 2019): CATEGORY/train/good, CATEGORY/test/KIND, CATEGORY/ground_truth/KIND.

The root may itself be one category. Masks match by stem, with or without `_mask`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from psdl.data import files
from psdl.errors import PsdlError
from psdl.types import InputRule, Sample

MVTEC_AD = frozenset(
    {"bottle", "cable", "capsule", "carpet", "grid", "hazelnut", "leather", "metal_nut", "pill", "screw"}
    | {"tile", "toothbrush", "transistor", "wood", "zipper"}
)


def recognise(root: Path) -> str | None:
    if _is_category(root):
        return "folder train/good"
    found = _categories(root)
    return f"folders {found[0].name}/train/good" + (" ..." if len(found) > 1 else "") if found else None


def read(root: Path) -> Iterator[Sample]:
    for folder in [root] if _is_category(root) else _categories(root):
        yield from _category(root, folder)


def rule(samples: Sequence[Sample]) -> InputRule:
    """The reference crops MVTec AD's own categories only; any other folder keeps its borders."""
    if {s.category for s in samples} <= MVTEC_AD:
        return InputRule(resize=None, shorter=256, window=(224, 224), filter="bicubic")
    return InputRule(resize=(256, 256), filter="lanczos")


def _is_category(folder: Path) -> bool:
    return (folder / "train" / "good").is_dir()


def _categories(root: Path) -> list[Path]:
    return sorted(p for p in root.iterdir() if p.is_dir() and _is_category(p))


def _category(root: Path, folder: Path) -> Iterator[Sample]:
    category = folder.name or folder.resolve().name
    for path in files.images(folder / "train" / "good"):
        yield Sample(str(path), _name(path, root), category, "train", 0, "good")
    test = folder / "test"
    for kind in sorted(p for p in test.iterdir() if p.is_dir()) if test.is_dir() else []:
        good = kind.name == "good"
        masks = {} if good else files.masks_by_stem(folder / "ground_truth" / kind.name)
        for path in files.images(kind):
            mask = masks.get(path.stem)
            if masks and mask is None:
                raise PsdlError(
                    f"no mask for {path}: expected {path.stem}_mask.png or {path.stem}.png in"
                    f" {folder / 'ground_truth' / kind.name}, as for the others of its kind"
                )
            marked = str(mask) if mask else None
            yield Sample(str(path), _name(path, root), category, "test", int(not good), kind.name, marked)


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()
