"""Reads BTAD (Mishra et al. 2021), whose folders are CATEGORY/train/ok, CATEGORY/test/ok and ko, and
CATEGORY/ground_truth/ko, with images as BMP and PNG.

The root may itself be one category. Apart from its names this layout is that of MVTec AD.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from psdl.datasets.formats import mvtec
from psdl.types import InputRule, Sample


def recognise(root: Path) -> str | None:
    """Returns the first folder train/ok as what the layout is recognised by; None if there is none."""
    found = [folder for folder in mvtec.categories(root) if (folder / "train" / "ok").is_dir()]
    return f"folder {found[0].relative_to(root.parent).as_posix()}/train/ok" if found else None


def read(root: Path) -> Iterator[Sample]:
    """Yields the samples of all categories, as `mvtec.read` does."""
    yield from mvtec.read(root)


def rule(samples: Sequence[Sample]) -> InputRule:
    """Returns the input rule of the layout: both sides resized to 256 pixels."""
    return InputRule(resize=(256, 256), filter="lanczos")
