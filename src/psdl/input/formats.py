"""The formats of image files that are read, and properties of opened files."""

from __future__ import annotations

from PIL import Image

FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF", "PPM")  # all that are read; Pillow knows many more


def several(image: Image.Image) -> bool:
    """Returns whether a file holds several pictures of equal rank. A TIFF file counts if its first directory links
    to another one; the others are not followed, since a malicious file can have very many."""
    if image.format == "TIFF":
        first, then = image.tag_v2.offset, image.tag_v2.next  # type: ignore[attr-defined]
        return then not in (0, first)
    return image.format in ("GIF", "PNG", "WEBP") and bool(getattr(image, "is_animated", False))


def deep(image: Image.Image) -> bool:
    """Returns whether the samples of an image have more than 8 bits."""
    return image.mode.startswith(("I", "F"))


def deep_channels(image: Image.Image) -> bool:
    """Returns whether a file has colours or transparency of more than 8 bits, which Pillow would reduce to 8
    silently."""
    if deep(image):
        return False
    if image.format == "TIFF":
        return any(bits > 8 for bits in image.tag_v2.get(258, ()))  # type: ignore[attr-defined]
    if image.format == "PNG":
        return ";16" in str(getattr(image, "tile", ""))
    return False
