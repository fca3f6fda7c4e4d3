"""Reads defect masks from files: pictures of many kinds, LabelMe files and COCO files."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ImageOps

from psdl.errors import PsdlError
from psdl.input import coco, decode, labelme, levels

Mask = NDArray[np.bool_]
FAINT = 32  # of 255: so far must the levels of a lossy file lie apart
SOLID = 0.6  # share of the pixels of a kind whose neighbour is of it too; of noise fewer are
APART = 63  # of 255: so far do the colours of a lossy file lie apart


def read(mask: str | tuple[str, ...], size: tuple[int, int], image: str) -> Mask:
    """Returns the defect mask (h,w) bool of an image, true where it is defective.

    `mask` names one file, or several whose union is taken: a picture, see `marked`; a LabelMe file; or a COCO file
    followed by # and the name of the image in it. `size` (h,w) is the size of the image and `image` its name in
    messages. Raises PsdlError if a file cannot be read or has another size.
    """
    found = np.zeros(size, bool)
    for path in (mask,) if isinstance(mask, str) else mask:
        found |= _one(path, size, image)
    return found


def check(mask: str | tuple[str, ...], size: tuple[int, int], image: str) -> None:
    """Raises PsdlError if a mask does not have `size` (h,w), as far as a picture's header or an annotation file
    says. The arguments are those of `read`."""
    for path in (mask,) if isinstance(mask, str) else mask:
        annotated = _annotations(path)
        if annotated is None:
            _same(decode.header(path), size, path, image)
        else:
            file, name = annotated
            _same(_size(_content(file, image), name) or size, size, file, image)


def marked(path: str) -> Mask:
    """Returns the mask (h,w) bool that a picture shows.

    - Of grey levels, all but the lowest count; in lossy files and with soft edges, those above the middle of the
      range.
    - Of colours, all but the background count: a palette's first colour, or the most frequent colour of the
      border.
    - Transparent pixels never count. If all opaque pixels have one colour, all of them count.

    Raises PsdlError if the file cannot be read, or if it is lossy and its levels are so close that they may be
    noise.
    """
    try:
        return _marked(path)
    except ValueError as error:
        raise PsdlError(f"the mask {path} has {error}: save it in black and white, as PNG") from None


def _marked(path: str) -> Mask:
    with decode.opened(path) as opened:
        lossy = opened.format in levels.LOSSY
        picture = ImageOps.exif_transpose(opened)
        if picture.mode.startswith(("I", "F")):
            return _levels(np.array(picture), lossy)
        indices = np.array(picture) if picture.mode == "P" else None
        clear = "A" in picture.mode or "transparency" in picture.info
        pixels = np.array(picture.convert("RGBA"))
    colours, alpha = pixels[..., :3], pixels[..., 3]
    inside = _levels(alpha, False) if alpha.min() < 128 else alpha > 127
    if clear and not inside.all():
        opaque = colours[inside]
        if not len(opaque) or (opaque == opaque[0]).all():
            return inside
        return inside & _coloured(colours, None, lossy)
    return _coloured(colours, indices, lossy)


def doubt_of(mask: str | tuple[str, ...], found: Mask) -> str:
    """Returns the reason why the mask of a defective image, read as `found` (h,w) bool, cannot be right; empty if
    there is none. `mask` is as in `read`."""
    paths = (mask,) if isinstance(mask, str) else mask
    if any(_annotations(path) is None and levels.like_mask(path) is False for path in paths):
        return "a photograph, as it seems (many grey levels)"
    return doubt(found)


def doubt(mask: Mask) -> str:
    """Returns the reason why a mask (h,w) bool of a defective image cannot be right: empty or inverted. Empty if
    there is none."""
    if not mask.any():
        return "empty"
    edge = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    return "inverted, as it seems (true nearly everywhere)" if mask.mean() > 0.5 and edge.mean() > 0.9 else ""


def values(path: str | Path) -> Any:
    """Returns the content of a JSON file. Raises PsdlError if it cannot be read."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise PsdlError(f"{path} cannot be read ({error}): expected a file of JSON") from None


def known(found: Any) -> bool:
    """Returns whether the content of a JSON file is that of a LabelMe or COCO file."""
    return labelme.recognise(found) or coco.recognise(found)


def drawn(found: Any, name: str | None, size: tuple[int, int], path: str) -> Mask:
    """Returns the mask (h,w) bool that the content `found` of a LabelMe or COCO file draws. `name` is the name of
    the image in a COCO file, and `path` the file's name in messages. Raises PsdlError if it is neither kind of
    file, if its shapes cannot be drawn, or if it states another size than `size` (h,w)."""
    _same(_size(found, name) or size, size, path, name or "the image")
    try:
        if labelme.recognise(found):
            return labelme.mask(found, size)
        if coco.recognise(found):
            return coco.mask(found, name, size)
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise PsdlError(f"{path} has shapes that cannot be drawn ({error}): export it again") from None
    raise PsdlError(f"{path} is neither a LabelMe file (shapes) nor a COCO file (images, annotations)")


def _size(found: Any, name: str | None) -> tuple[int, int] | None:
    """Returns the size (h,w) that a LabelMe or COCO file states for an image; None if it states none."""
    try:
        return labelme.size(found) if labelme.recognise(found) else coco.size(found, name)
    except (ValueError, TypeError, KeyError, IndexError):
        return None  # such a file cannot be drawn either, which then is said


def _content(file: str, image: str) -> Any:
    """Returns the content of an annotation file. Raises PsdlError if it does not exist or cannot be read."""
    if not Path(file).is_file():
        raise PsdlError(f"no file {file}, which draws the mask of {image}: copy it again")
    return _held(file, Path(file).stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _held(path: str, changed: int) -> Any:
    """Returns the content of a file that many images share. The file is read once as long as it does not
    change."""
    return values(path)


def _annotations(path: str) -> tuple[str, str | None] | None:
    """Returns the JSON file in which a mask is drawn and the name of the image there; None if the mask is a
    picture."""
    if path.lower().endswith(".json"):
        return path, None
    found = re.fullmatch(r"(.*?\.json)#(.*)", path, re.IGNORECASE | re.DOTALL)
    return (found[1], found[2]) if found and not Path(path).exists() else None


def _one(path: str, size: tuple[int, int], image: str) -> Mask:
    annotated = _annotations(path)
    if annotated is not None:
        file, name = annotated
        return drawn(_content(file, image), name, size, file)
    mask = marked(path)
    _same((mask.shape[0], mask.shape[1]), size, path, image)
    return mask


def _same(found: tuple[int, int], size: tuple[int, int], path: str, image: str) -> None:
    if found != size:
        raise PsdlError(
            f"{image} is {size[1]} x {size[0]} but its mask {path} is {found[1]} x {found[0]}:"
            " masks must have the image's size, export the mask again"
        )


def _coloured(colours: NDArray[np.uint8], indices: NDArray[np.uint8] | None, lossy: bool) -> Mask:
    """Returns the mask of colours (h,w,3): all but the background, which is the first colour of a palette or the
    most frequent colour of the border. Grey pictures are handled by `_levels`."""
    spread = colours.max(axis=2).astype(int) - colours.min(axis=2)
    if spread.max() <= (APART if lossy else 0):
        return _levels(colours.max(axis=2), lossy)
    if indices is not None:
        return np.asarray(indices != 0)
    edge = np.concatenate([colours[0], colours[-1], colours[:, 0], colours[:, -1]])
    kinds, counts = np.unique(edge, axis=0, return_counts=True)
    apart = np.abs(colours.astype(int) - kinds[counts.argmax()].astype(int)).max(axis=2)
    return np.asarray(apart > (APART if lossy else 0))


def _levels(grey: NDArray[Any], lossy: bool) -> Mask:
    """Returns the mask of grey levels (h,w): all but the lowest, or the upper half in lossy files and with soft
    edges. Raises ValueError if a lossy file's levels are so close that they may be noise."""
    low, high = float(grey.min()), float(grey.max())
    if low == high or (lossy and low > 127):
        return np.full(grey.shape, bool(high > 0))
    if lossy and high - low < FAINT:
        raise ValueError(f"levels from {low:.0f} to {high:.0f} alone in a lossy file, which may be noise")
    kinds = np.unique(grey)
    if lossy or len(kinds) > levels.FEW:  # more are soft edges, not kinds
        return np.asarray(grey.astype(np.float64) > (low + high) / 2)
    return np.asarray(grey > _ground(grey, kinds))


def _ground(grey: NDArray[Any], kinds: NDArray[Any]) -> Any:
    """Returns the highest of few levels that belongs to the background: the lowest, or noise of scattered pixels
    above it."""
    near = [level for level in kinds[1:-1] if level - kinds[0] <= (float(kinds[-1]) - kinds[0]) / 8]
    return max([kinds[0], *(level for level in near if not _solid(grey == level))])


def _solid(region: Mask) -> bool:
    """Returns whether most pixels of a region (h,w) bool have a neighbour in it, along the rows or along the
    columns."""
    along, down = (region[:, 1:] & region[:, :-1]).sum(), (region[1:] & region[:-1]).sum()
    return bool(max(along, down) >= SOLID * region.sum())
