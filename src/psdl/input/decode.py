"""Decodes image files, bytes and arrays to 8-bit RGB pixels. What cannot be one picture is refused with one
sentence."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from psdl.errors import PsdlError
from psdl.input import urls
from psdl.input.ends import ENDS
from psdl.input.formats import FORMATS, deep, deep_channels, several

TAILS = {b"\xff\xd8": b"\xff\xd9", b"\x89PNG": b"IEND\xaeB`\x82"}  # how a whole file of that start ends
LEAST = 8  # pixels that a side must have
BITS = (8, 10, 12, 14, 16)  # of cameras' samples
FULL = 65_535.0  # the largest sample of a 16-bit file
SURELY = 16_383.0  # samples above it need all 16 bits, so the file uses its full range
Pixels = NDArray[np.uint8]


def pixels(source: Any, name: str = "image", white: float | None = None) -> Pixels:
    """Returns the RGB pixels (h,w,3) uint8 of an image.

    `source` is a path, a URL, file bytes, an open file, a PIL image or an array (h,w) or (h,w,1|3|4). `name` is
    its name in messages. Orientation tags are applied, transparency is dropped, and palettes and CMYK are
    converted. Samples of more than 8 bits (one channel) become 255 at the value `white` and above. Without
    `white`, integer samples are taken to use all 16 bits if the largest of them needs more than 14. Raises
    PsdlError on files that are damaged, cut short or no images, on several pictures or several channels of more
    than 8 bits, and on samples of more than 8 bits if their white is not known.
    """
    name, source = _called(source, name), given(source, name)
    samples = _samples(source, name)
    if samples.dtype != np.uint8:
        samples = _to_bytes(samples, name, white)
    return np.repeat(samples[:, :, None], 3, axis=2) if samples.ndim == 2 else samples


def largest(source: Any, name: str = "image") -> float | None:
    """Returns the largest sample of an image of more than 8 bits; None for 8 bits, in which case a file is not
    decoded. The arguments and errors are those of `pixels`."""
    name, source = _called(source, name), given(source, name)
    if isinstance(source, (str, Path)):
        with _file(source, urls.peeked) as file, _opened(file, name) as image:
            if not deep(image):
                return None
    samples = _samples(source, name)
    return _most(samples, name) if samples.dtype != np.uint8 else None


def given(source: Any, name: str = "image") -> Any:
    """Returns an image as a path, bytes, a PIL image or an array. Open files are read from their start, and
    objects that hold bytes or an array are converted. Raises PsdlError on anything else."""
    if isinstance(source, (str, Path, bytes, np.ndarray, Image.Image)):
        return source
    if isinstance(source, os.PathLike):
        return Path(source)
    if isinstance(source, (bytearray, memoryview)):
        return bytes(source)
    if hasattr(source, "read"):
        if hasattr(source, "seek"):
            source.seek(0)
        content = source.read()
        if isinstance(content, bytes):
            return content
    elif hasattr(source, "__array__"):
        return np.asarray(source)
    kind = type(source).__name__
    raise PsdlError(
        f"{name} is given as {kind}, expected a path, file bytes, an open file, a PIL image or an array"
    )


def white_of(largest: float) -> float:
    """Returns the white level of a camera whose samples reach `largest`: 1 if they do not exceed 1, else the
    largest sample of the smallest usual number of bits (8 to 16) that holds it, else `largest` itself."""
    whites = [1.0, *(2.0**bits - 1 for bits in BITS), largest]
    return next(white for white in whites if white >= largest)


def header(source: str | bytes, name: str = "image") -> tuple[int, int]:
    """Returns the size (h,w) of an image file, or of a file's bytes, as it is displayed. The header and the end of
    the file are read, nothing is decoded. Raises PsdlError like `pixels`."""
    name = _called(source, name)
    with _file(source, urls.peeked) as file:
        with _opened(file, name) as image:
            turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
            width, height = image.size
            if image.format == "TIFF":  # whose size Pillow gives as stored or as displayed, by its version
                width, height = (image.tag_v2[tag] for tag in (256, 257))  # type: ignore[attr-defined]
        file.seek(0)
        _check_tail(file, name)
    return (width, height) if turned else (height, width)


def size_of(source: Any) -> tuple[int, int]:
    """Returns the size (h,w) of an image given as for `pixels`; for files, see `header`."""
    if isinstance(source, np.ndarray):
        return source.shape[0], source.shape[1]
    if isinstance(source, Image.Image):
        return source.size[1], source.size[0]
    return header(source)


@contextmanager
def opened(path: str) -> Iterator[Image.Image]:
    """Opens an image file with Pillow while the block runs. Raises PsdlError like `pixels`."""
    with _file(path) as file, _opened(file, path) as image:
        yield image


def _whole(url: str) -> BinaryIO:
    return io.BytesIO(urls.content(url))


def _samples(source: Any, name: str) -> NDArray[Any]:
    """Returns the samples of an image: (h,w) of any depth, or (h,w,3) uint8."""
    if isinstance(source, np.ndarray):
        return _from_array(source, name)
    if isinstance(source, Image.Image):
        _check_sides(*source.size, name)
        return _from_pil(source)
    with _file(source) as file, _opened(file, name) as image:
        return _from_pil(image)


def _file(source: str | Path | bytes, behind: Callable[[str], BinaryIO] = _whole) -> BinaryIO:
    """Opens the bytes of a path or of a URL (by `behind`), or wraps given bytes. Pillow does not open paths
    itself, since it then maps the file and misreads rotated TIFF files (seen in 13.0)."""
    if isinstance(source, bytes):
        return io.BytesIO(source)
    if urls.is_url(source):
        return behind(str(source))
    check_file(Path(source))
    try:
        return open(source, "rb")
    except OSError as error:
        raise _damaged(str(source), error) from None


@contextmanager
def _opened(file: BinaryIO, name: str) -> Iterator[Image.Image]:
    """Opens an image file while the block runs. Any error of a reader, also inside the block, becomes a
    PsdlError."""
    try:
        with Image.open(file, formats=FORMATS) as image:
            _check_one(image, name)
            yield image
    except (PsdlError, MemoryError):  # the latter says nothing of the file
        raise
    except UnidentifiedImageError:
        raise PsdlError(f"{name} is not an image file that can be read: replace or remove it") from None
    except Exception as error:  # the readers of damaged files raise whatever they stumble over
        raise _damaged(name, error) from None


def _damaged(name: str, error: Exception) -> PsdlError:
    reason = " ".join(str(error).split())[:120] or type(error).__name__
    return PsdlError(f"{name} is damaged or cut short ({reason}): copy it again or remove it")


def check_file(path: Path) -> None:
    """Raises PsdlError unless `path` leads to a regular file. Opening anything else, such as a pipe, could wait
    for ever."""
    if path.is_dir():
        raise PsdlError(f"{path} is a folder, expected an image file: name its folder otherwise or remove it")
    if path.is_symlink() and not path.exists():
        raise PsdlError(f"{path} is a link that leads to no file: mend or remove it")
    if not path.exists():
        raise PsdlError(f"no file {path}: give the path of an image")
    if not path.is_file():
        raise PsdlError(f"{path} is no regular file but a device, pipe or socket: remove it")


def _check_one(image: Image.Image, name: str) -> None:
    if several(image):
        raise PsdlError(f"{name} holds several pictures, expected one: save each into a file of its own")
    if deep_channels(image):
        raise PsdlError(
            f"{name} has several channels deeper than 8 bit, which would lose their lower bits: save it as 8-bit"
            " colours or as 16-bit grey"
        )
    _check_sides(*image.size, name)


def _check_sides(width: int, height: int, name: str) -> None:
    if min(width, height) < LEAST:
        raise PsdlError(f"{name} is {width} x {height} pixels, expected at least {LEAST} x {LEAST}: remove it")


def _from_pil(image: Image.Image) -> NDArray[Any]:
    image = ImageOps.exif_transpose(image)
    if deep(image):
        return np.array(image)
    if image.mode == "P":
        image = image.convert("RGBA")
    return np.array(image.convert("RGB"))


def _from_array(array: NDArray[Any], name: str) -> NDArray[Any]:
    if array.ndim in (2, 3):
        _check_sides(array.shape[1], array.shape[0], name)
    if array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 1):
        if array.dtype.kind in "uf" and array.dtype.itemsize > 1:
            return array.reshape(array.shape[:2])
        array = np.repeat(array.reshape(*array.shape[:2], 1), 3, axis=2)
    if array.dtype != np.uint8:
        raise PsdlError(f"{name} is an array of {array.dtype}, expected uint8: scale it to 0..255 first")
    if array.ndim == 3 and array.shape[2] in (3, 4):
        return np.ascontiguousarray(array[:, :, :3])
    raise PsdlError(f"{name} has shape {array.shape}, expected (h,w), (h,w,1), (h,w,3) or (h,w,4)")


def _called(source: Any, name: str) -> str:
    """Returns the name of an image in messages: its path if it has one."""
    return str(source) if isinstance(source, (str, Path)) else name


def _most(samples: NDArray[Any], name: str) -> float:
    """Returns the largest of samples (h,w) of more than 8 bits. Raises PsdlError if one is negative or not
    finite."""
    if not np.isfinite(samples).all() or samples.min() < 0:
        raise PsdlError(f"{name} has samples below 0 or that are no numbers: export it again")
    return float(samples.max())


def _to_bytes(samples: NDArray[Any], name: str, white: float | None) -> Pixels:
    """Returns samples (h,w) of more than 8 bits as uint8, see `pixels`."""
    most = _most(samples, name)
    if white is None and samples.dtype.kind in "ui" and SURELY < most <= FULL:
        white = FULL
    if white is None:
        raise PsdlError(
            f"{name} has samples deeper than 8 bit, up to {most:g}, and it is not known which one is white: learn"
            " from images of that camera, or state `bit_depth`"
        )
    scaled = np.clip(samples.astype(np.float64) * (255 / white), 0, 255)
    return np.asarray(scaled.round(), np.uint8)


def _check_tail(file: BinaryIO, name: str) -> None:
    start = file.read(4)
    kind = next((s for s in TAILS if start.startswith(s)), None)
    if kind is None:
        return
    file.seek(0, io.SEEK_END)
    file.seek(max(0, file.tell() - len(TAILS[kind])))
    # Whole pictures may have other bytes after their end, such as a camera's or a network share's.
    if file.read() != TAILS[kind] and not ENDS[kind](file):
        raise PsdlError(f"{name} is cut short (its end is missing): copy it again or remove it")
