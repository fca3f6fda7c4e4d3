"""BTAD (Mishra et al. 2021): CATEGORY/train/ok, CATEGORY/test/ok and /ko, CATEGORY/ground_truth/ko; bmp and png.

The root may itself be one category. Read like MVTec AD.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from psdl.datasets.formats import mvtec
from psdl.types import InputRule, Sample


def recognise(root: Path) -> str | None:
    found = [folder for folder in mvtec.categories(root) if (folder / "train" / "ok").is_dir()]
    return f"folder {found[0].relative_to(root.parent).as_posix()}/train/ok" if found else None


def read(root: Path) -> Iterator[Sample]:
    yield from mvtec.read(root)


def rule(samples: Sequence[Sample]) -> InputRule:
    return InputRule(resize=(256, 256), filter="lanczos")
