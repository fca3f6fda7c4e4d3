"""A plain folder of images, in folders or not.

A folder named good or ok below the root labels what it holds, and so does one named bad, ng, ko, defect or
defective. Images elsewhere have no label: they are taken as good when learning.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from psdl.datasets import files
from psdl.types import InputRule, Sample

LABELS = {"good": 0, "ok": 0} | dict.fromkeys(("bad", "ng", "ko", "defect", "defects", "defective"), 1)


def recognise(root: Path) -> str | None:
    return "image files" if root.is_dir() and files.images(root, deep=True) else None


def read(root: Path) -> Iterator[Sample]:
    category = root.resolve().name
    for path in files.images(root, deep=True):
        inside = path.relative_to(root)
        labels = [LABELS[part.lower()] for part in inside.parts[:-1] if part.lower() in LABELS]
        label = max(labels, default=None)
        kind = inside.parts[-2] if label is not None else ""
        yield Sample(str(path), inside.as_posix(), category, label=label, kind=kind)


def rule(samples: Sequence[Sample]) -> InputRule:
    return InputRule(resize=(256, 256), filter="lanczos")
