"""Limits how many images are processed at a time to those that fit into memory."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from psdl._util import machine
from psdl.input import urls
from psdl.input.formats import FORMATS

BYTES = 12  # that a pixel takes: as the file's reader has it, as an array, and while it is resized
LARGE = 2**20  # pixels: of smaller images any number of threads may work


@contextmanager
def held(source: Any) -> Iterator[None]:
    """Waits until an image fits into memory beside those of other threads, and reserves its memory while the block
    runs. `source` is anything that `decode.pixels` takes; only paths and file bytes of at least LARGE pixels
    wait."""
    pixels = _pixels(source)
    if pixels < LARGE:
        yield
        return
    with machine.room().held(BYTES * pixels):
        yield


def _pixels(source: Any) -> int:
    """Returns the number of pixels of an image, by its header; 0 if that cannot be read."""
    if isinstance(source, bytes):
        source = io.BytesIO(source)
    elif not isinstance(source, (str, Path)) or urls.is_url(source):
        return 0
    try:
        with Image.open(source, formats=FORMATS) as image:
            return int(image.width * image.height)
    except Exception:  # the readers of damaged files raise whatever they stumble over
        return 0
