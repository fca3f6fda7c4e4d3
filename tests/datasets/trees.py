"""Trees of tiny pictures for tests of what folders, tables and masks are taken for."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (16, 24)  # (h,w)


def encoded(kind: str = "photo", seed: int = 0) -> bytes:
    """A small PNG: a photograph, another for each seed, a mask with a mark, or an empty mask."""
    if kind == "photo":
        pixels = np.random.default_rng(seed).integers(0, 255, (*SIZE, 3), dtype=np.uint8)
    else:
        pixels = np.zeros(SIZE, np.uint8)
        pixels[4:8, 5:9] = 255 * (kind == "mask")
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


KINDS = {kind: encoded(kind) for kind in ("mask", "empty")}


def tree(root: Path, *names: str) -> Path:
    """A picture at each name; `name=mask` and `name=empty` are masks; `FOLDER/*3.png` stands for three."""
    for name in names:
        path, _, kind = name.partition("=")
        head, star, tail = path.partition("*")
        for place in [f"{head}{n}{tail[1:]}" for n in range(int(tail[0]))] if star else [path]:
            (root / place).parent.mkdir(parents=True, exist_ok=True)
            seed = zlib.crc32(place.encode())
            (root / place).write_bytes(KINDS[kind] if kind in KINDS else encoded("photo", seed))
    return root
