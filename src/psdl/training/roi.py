"""Settles before learning where parts lie: the region of interest, and the reference that images are registered
to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from psdl.errors import PsdlError
from psdl.features.extractor import Source, placed
from psdl.input import levels, masks, preprocess, registration
from psdl.model.model import Frame
from psdl.types import InputRule, Run

__all__ = ["frame", "roi_files"]

SMALLEST = 256  # pixels of the network's input that a region of interest must cover
MOST = 300  # images whose mean is the reference: more of them do not change it
Roi = str | Path | NDArray[Any] | Sequence[Any]


def frame(items: Sequence[Source], rule: InputRule, roi: Roi | None, run: Run) -> Frame:
    """Returns the frame of a model that learns from `items`.

    `roi` is None or the region of interest in pixels of the first image: a mask (h,w), true or above 0 inside; a
    polygon [[x, y], ...] or several of them; the path of a mask image, which is read like masks of defects; or the
    path of a .json file. The reference is made where the input rule aligns images, from at most MOST of them.
    Raises PsdlError on other values, on files that cannot be used, on a region below SMALLEST pixels of the
    network's input, and on images of several shapes that are to be aligned.
    """
    reference = None
    if rule.align != "none":
        chosen = [items[n] for n in np.unique(np.linspace(0, len(items) - 1, MOST).astype(int))]
        greys = list(run(lambda source: _grey(source, rule), chosen))
        shapes = {grey.shape for grey in greys}
        if len(shapes) > 1:
            raise PsdlError("images of several shapes cannot be aligned: use `resize` square, or `align` none")
        reference = registration.reference(greys, rule.align)
    return Frame(None if roi is None else _region(roi, items, rule), reference)


def roi_files(roi: Roi | None, categories: Sequence[str], each: bool) -> dict[str, Roi | None]:
    """Returns for each category the file that holds its region of interest, or None.

    `roi` is one file for all, or a folder with CATEGORY.png, CATEGORY.json and so on. `each` says that every
    category gets a model of its own. Raises PsdlError where several files of a folder belong to one category or
    none belongs to any, and where a folder is given for several categories that share one model.
    """
    if not isinstance(roi, (str, Path)) or not Path(roi).is_dir():
        return dict.fromkeys(categories, roi)
    found: dict[str, Roi | None] = {}
    for name in categories:
        files = sorted(path for path in Path(roi).iterdir() if path.stem == name)
        if len(files) > 1:
            raise PsdlError(f"{files[0]} and {files[1].name} both tell a region of interest of {name}: remove one")
        found[name] = str(files[0]) if files else None
    if not any(found.values()):
        raise PsdlError(
            f"no file in {roi} is named after a category: expected {categories[0]}.png or {categories[0]}.json"
        )
    if len(categories) > 1 and not each:
        raise PsdlError(f"{roi} tells a region of interest for each category: add `each`, a model has only one")
    return found


def _grey(source: Source, rule: InputRule) -> NDArray[np.uint8]:
    return preprocess.grey(preprocess.shown(*placed(source, rule), rule))


def _region(roi: Roi, items: Sequence[Source], rule: InputRule) -> NDArray[np.bool_]:
    """Returns the region of interest (H,W) in the network's input."""
    pixels, geometry = placed(items[0], rule)
    mask = _mask(roi, pixels.shape[:2])
    found = preprocess.mask_to_input(mask, geometry)
    if found[::4, ::4].sum() < SMALLEST / 16:
        raise PsdlError(
            f"the region of interest covers {int(found.sum())} pixels of the network's {found.shape[1]} x"
            f" {found.shape[0]}, at least {SMALLEST} are needed: draw it larger, or check that it is true inside"
        )
    return found


def _mask(roi: Roi, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Returns the region of interest (h,w) in pixels of the image."""
    if isinstance(roi, (str, Path)):
        if Path(roi).suffix.lower() != ".json":
            return _sized(_picture(str(roi)), size, str(roi))
        try:
            found = json.loads(Path(roi).read_text(encoding="utf-8-sig"))
        except (OSError, ValueError) as error:
            raise PsdlError(f"{roi} cannot be read as a polygon ({error}): expected [[x, y], ...]") from None
        return masks.drawn(found, None, size, str(roi)) if masks.known(found) else _drawn(found, size, str(roi))
    if isinstance(roi, np.ndarray) and not (roi.ndim == 2 and roi.shape[1] == 2):
        return _sized(roi > 0, size, "the region of interest")
    return _drawn(np.asarray(roi).tolist() if isinstance(roi, np.ndarray) else roi, size, "the region of interest")


def _picture(path: str) -> NDArray[np.bool_]:
    """Returns the region (h,w) that a mask image marks. Raises PsdlError on a photograph."""
    if levels.like_mask(path) is False:
        raise PsdlError(
            f"{path} looks like a photograph, expected black outside of the region and white inside: draw it"
        )
    return masks.marked(path)


def _sized(mask: NDArray[np.bool_], size: tuple[int, int], name: str) -> NDArray[np.bool_]:
    if mask.shape != size:
        shape = " x ".join(map(str, mask.shape[::-1]))
        raise PsdlError(
            f"{name} is {shape} pixels, but the first image is {size[1]} x {size[0]}: draw the region of interest"
            " on one of the images"
        )
    return mask


def _drawn(polygons: Any, size: tuple[int, int], name: str) -> NDArray[np.bool_]:
    """Returns the mask (h,w) of the inside of one polygon [[x, y], ...], or of any of several."""
    try:
        single = np.ndim(polygons[0][0]) == 0
        corners = [[(float(x), float(y)) for x, y in polygon] for polygon in ([polygons] if single else polygons)]
    except (TypeError, ValueError, IndexError, KeyError):
        corners = []
    if not corners or min(map(len, corners)) < 3 or not np.isfinite(np.concatenate(corners)).all():
        raise PsdlError(
            f"{name} is no polygon: expected [[x, y], ...] of at least three corners, or a list of such"
        )
    canvas = Image.new("1", size[::-1])
    for polygon in corners:
        ImageDraw.Draw(canvas).polygon(polygon, fill=1)
    return np.asarray(canvas)
