"""Which formats of image files are read, and what an opened file of one holds."""

from __future__ import annotations

from PIL import Image

FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF", "PPM")  # all that are read; Pillow knows many more


def several(image: Image.Image) -> bool:
    """Whether a file holds several pictures of equal rank. Of a TIFF's directories, which a few bytes each make a
    long chain, only the first is read: a second one elsewhere is a second picture."""
    if image.format == "TIFF":
        first, then = image.tag_v2.offset, image.tag_v2.next  # type: ignore[attr-defined]
        return then not in (0, first)
    return image.format in ("GIF", "PNG", "WEBP") and bool(getattr(image, "is_animated", False))


def deep(image: Image.Image) -> bool:
    """Whether its samples are deeper than 8 bit."""
    return image.mode.startswith(("I", "F"))


def deep_channels(image: Image.Image) -> bool:
    """Whether a file has colours or transparency deeper than 8 bit, which the reader would cut without a word."""
    if deep(image):
        return False
    if image.format == "TIFF":
        return any(bits > 8 for bits in image.tag_v2.get(258, ()))  # type: ignore[attr-defined]
    if image.format == "PNG":
        return ";16" in str(getattr(image, "tile", ""))
    return False
