"""Masks that people paint: pictures in the project that `psdl fit` and `psdl evaluate` read like any other
mask."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image as Picture

from psdl._util.atomic import atomic_write
from psdl.errors import PsdlError
from psdl.input import decode, masks
from psdl.studio import labels
from psdl.studio.labels import Image

SIDE = 2048  # pixels of the longer side at which a page paints and shows a mask
BYTES = 16 * 2**20  # of a painted picture
COLOUR = (37, 150, 255)


def file_of(root: Path, image: Image) -> Path:
    """Returns the path of the mask that a person paints of an image."""
    return root / "masks" / f"{image.key}.png"


def shown(image: Image) -> bytes:
    """Returns an image's mask as a PNG file, transparent where nothing is marked. Raises PsdlError if it has
    none."""
    if not image.masks:
        raise PsdlError("nothing is marked in this picture")
    found = masks.read(image.masks, decode.header(image.path), image.name)
    pixels = np.zeros((*found.shape, 4), np.uint8)
    pixels[found] = (*COLOUR, 255)
    picture = Picture.fromarray(pixels)
    picture.thumbnail((SIDE, SIDE), Picture.Resampling.NEAREST)
    content = io.BytesIO()
    picture.save(content, "PNG", compress_level=1)
    return content.getvalue()


def painted(root: Path, image: Image, content: bytes) -> str:
    """Keeps a painted PNG, transparent where nothing is marked, as a mask of the image's size and returns its
    path.

    If nothing is marked, the mask is removed and the path is "". Raises PsdlError if the content is no such
    picture.
    """
    marked = _marked(content)
    file = file_of(root, image)
    if not marked.any():
        file.unlink(missing_ok=True)
        return ""
    height, width = decode.header(image.path)
    whole = Picture.fromarray(marked.astype(np.uint8) * 255).resize((width, height), Picture.Resampling.NEAREST)
    file.parent.mkdir(exist_ok=True)
    with atomic_write(file) as temporary:
        whole.save(temporary, "PNG")
    return str(file)


def _marked(content: bytes) -> masks.Mask:
    try:
        with Picture.open(io.BytesIO(content), formats=["PNG"]) as opened:
            if max(opened.size) > SIDE:
                raise PsdlError(f"a painted mask has at most {SIDE} pixels a side: load the page again")
            found: masks.Mask = np.array(opened.convert("RGBA"))[..., 3] > 127
    except (OSError, ValueError, SyntaxError) as error:
        raise PsdlError(f"what was painted cannot be read ({error}): load the page again") from None
    return found


def with_mask(image: Image, path: str) -> Image:
    """Returns the image with another mask ("" for none). With a mask it is labelled defective, if it is not yet,
    and is no longer learned from."""
    image = replace(image, mask=path)
    return labels.marked(image, None, labels.DEFECTIVE) if path and image.good is not False else image
