"""Reads KolektorSDD2 (Bozic et al. 2021): images train/N.png and test/N.png, each with a mask N_GT.png, which is
black for a good image."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from psdl.datasets import files
from psdl.errors import PsdlError
from psdl.input import masks
from psdl.types import InputRule, Sample

MASK = "{}_GT.png"


def recognise(root: Path) -> str | None:
    """Returns a mask train/N_GT.png as what the layout is recognised by; None if there is none."""
    found = next((root / "train").glob("[0-9]*_GT.png"), None)
    return f"file train/{found.name}" if found else None


def read(root: Path) -> Iterator[Sample]:
    """Yields the samples, labelled by their masks. Defective images of the split train are among them, but are
    never learned from. Files whose names are no number, such as the copies that come with the data set, are left
    out. Raises PsdlError if a mask cannot be read."""
    for split in ("train", "test"):
        for path in files.images(root / split):
            if re.fullmatch(r"\d+", path.stem):
                yield _sample(root, path, split)


def _sample(root: Path, path: Path, split: str) -> Sample:
    """Returns the sample of an image. Raises PsdlError if its mask cannot be read."""
    mask = path.with_name(MASK.format(path.stem))
    try:
        bad = bool(masks.marked(str(mask)).any())
    except PsdlError as error:
        raise PsdlError(f"the mask {mask} cannot be read ({error})") from None
    return Sample(
        path=str(path),
        name=path.relative_to(root).as_posix(),
        category="kolektorsdd2",
        split="train" if split == "train" else "test",
        label=int(bad),
        kind="defect" if bad else "good",
        mask=str(mask) if bad else None,
    )


def rule(samples: Sequence[Sample]) -> InputRule:
    """Returns the input rule of the layout: both sides resized to 256 pixels."""
    return InputRule(resize=(256, 256), filter="lanczos")
