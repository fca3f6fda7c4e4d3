"""Images that are worked on at a time: no more than memory has room for."""

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
    """Waits until an image, a path or a file's bytes, fits into memory beside those that other threads work on."""
    pixels = _pixels(source)
    if pixels < LARGE:
        yield
        return
    with machine.room().held(BYTES * pixels):
        yield


def _pixels(source: Any) -> int:
    """How many pixels an image has, by its header; 0 where it says nothing, which reading it will say."""
    if isinstance(source, bytes):
        source = io.BytesIO(source)
    elif not isinstance(source, (str, Path)) or urls.is_url(source):
        return 0
    try:
        with Image.open(source, formats=FORMATS) as image:
            return int(image.width * image.height)
    except Exception:  # the readers of damaged files raise whatever they stumble over
        return 0
