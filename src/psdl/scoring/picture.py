"""Draws a result: the image with the outline of its defect mask."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from psdl.features.extractor import Source, file_of
from psdl.input import decode

if TYPE_CHECKING:
    from psdl.scoring.result import Result
    from psdl.types import Region

__all__ = ["outlined", "png"]

LONGEST = 512  # pixels of the picture's longer side, at most
LINE = 5  # pixels across which the outline is drawn; odd
DEFECT = (255, 159, 28)  # orange reads on grey, on colour, and for the colour-blind


def outlined(result: Result, source: Source) -> Image.Image:
    """Returns the image `source`, at most LONGEST pixels a side, with the outline of the result's mask.

    If the mask is empty and the verdict is not OK, a ring marks the most anomalous place instead. Raises PsdlError
    if the image cannot be read.
    """
    rule = result.model.recipe.input
    picture = Image.fromarray(decode.pixels(file_of(source), white=rule.white if rule else None))
    width = picture.width
    picture.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    mask = result.mask
    if mask.any():
        picture.paste(DEFECT, mask=_border(Image.fromarray(mask.astype(np.uint8) * 255), picture.size))
    elif result.verdict.verdict != "OK":
        _ring(picture, result.strangest, picture.width / width)
    return picture


def png(picture: Image.Image) -> bytes:
    """Returns the picture as the bytes of a PNG file."""
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def _border(mask: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Returns the outline of a mask, 255 on it and 0 elsewhere, in a picture of `size` (w,h)."""
    small = mask.resize(size, Image.Resampling.BOX).point(lambda value: 255 * (value > 0))
    return ImageChops.subtract(small.filter(ImageFilter.MaxFilter(LINE)), small)


def _ring(picture: Image.Image, region: Region, scale: float) -> None:
    """Draws a ring about a region of an image; the picture is `scale` times as large as the image."""
    left, top, right, bottom = (scale * edge for edge in region.box)
    about = 0.03 * max(picture.size)
    ImageDraw.Draw(picture).ellipse(
        (left - about, top - about, right + about, bottom + about), outline=DEFECT, width=2
    )
