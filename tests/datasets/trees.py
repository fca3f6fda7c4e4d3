"""Trees of tiny pictures for tests of what folders, tables and masks are taken for."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (16, 24)  # (h,w)


def encoded(kind: str = "photo") -> bytes:
    """A small PNG: a photograph, a mask with a mark, or an empty mask."""
    if kind == "photo":
        pixels = np.random.default_rng(0).integers(0, 255, (*SIZE, 3), dtype=np.uint8)
    else:
        pixels = np.zeros(SIZE, np.uint8)
        pixels[4:8, 5:9] = 255 * (kind == "mask")
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


KINDS = {kind: encoded(kind) for kind in ("photo", "mask", "empty")}


def tree(root: Path, *names: str) -> Path:
    """A picture at each name; `name=mask` and `name=empty` are masks; `FOLDER/*3.png` stands for three."""
    for name in names:
        path, _, kind = name.partition("=")
        head, star, tail = path.partition("*")
        for place in [f"{head}{n}{tail[1:]}" for n in range(int(tail[0]))] if star else [path]:
            (root / place).parent.mkdir(parents=True, exist_ok=True)
            (root / place).write_bytes(KINDS[kind or "photo"])
    return root
