"""Pictures of a project's images for the browser: small ones for the grid, which are kept, and larger ones."""

from __future__ import annotations

import contextlib
import hashlib
import io
from html import escape
from pathlib import Path

from PIL import Image as Picture

from psdl._util.atomic import atomic_write
from psdl.errors import PsdlError
from psdl.input import decode
from psdl.studio import results
from psdl.studio.labels import Image

SMALL, LARGE = 240, 1600  # pixels of the longer side
Shown = tuple[bytes, str]  # content and its media type


def small(root: Path, image: Image) -> Shown:
    """Returns a small picture, kept in the project until the file changes; for an unreadable file an error
    sign."""
    seen = hashlib.sha256(repr(results.seen(image)).encode()).hexdigest()[:8]
    kept = root / ".thumbs" / f"{image.key}-{seen}.webp"
    if kept.is_file():
        return kept.read_bytes(), "image/webp"
    try:
        data = _webp(_pixels(image.path), SMALL, 70)
    except PsdlError as error:
        return _sign(str(error)), "image/svg+xml"
    with contextlib.suppress(OSError):  # another window may be writing the same one
        kept.parent.mkdir(exist_ok=True)
        with atomic_write(kept) as temporary:
            temporary.write_bytes(data)
    return data, "image/webp"


def large(image: Image) -> Shown:
    """Returns the picture for a whole screen; for an unreadable file an error sign."""
    return shrunk(image.path, large=True)


def shrunk(source: str | bytes, large: bool = False) -> Shown:
    """Returns a picture of a file or its content, which is not kept; if it is unreadable an error sign."""
    try:
        return _webp(_pixels(source), LARGE if large else SMALL, 85 if large else 70), "image/webp"
    except PsdlError as error:
        return _sign(str(error)), "image/svg+xml"


def size(image: Image) -> tuple[int, int]:
    """Returns width and height in pixels. Raises PsdlError if the file is no image."""
    height, width = decode.header(image.path)
    return width, height


def _pixels(source: str | bytes) -> Picture.Image:
    """Returns the image read by the library's own reader, with deeper samples scaled to 8 bits."""
    most = decode.largest(source)
    white = None if most is None else decode.white_of(most)
    return Picture.fromarray(decode.pixels(source, white=white))


def _webp(picture: Picture.Image, side: int, quality: int) -> bytes:
    picture.thumbnail((side, side), Picture.Resampling.BILINEAR, reducing_gap=2.0)
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=quality, method=2)
    return file.getvalue()


def _sign(why: str) -> bytes:
    return (
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 240 180' role='img'>"
        f"<title>{escape(why)}</title><rect width='240' height='180' fill='#8883'/>"
        "<path d='M85 60l70 60M155 60l-70 60' stroke='#c33' stroke-width='8'/>"
        "<text x='120' y='160' font-family='sans-serif' font-size='18' text-anchor='middle' fill='#888'>"
        "cannot be read</text></svg>"
    ).encode("utf-8", "replace")
