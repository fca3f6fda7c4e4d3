"""Where parts lie, settled before learning: the region of interest, and what images are registered to."""

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
MOST = 300  # images whose mean is the reference: more change it no longer
Roi = str | Path | NDArray[Any] | Sequence[Any]


def frame(items: Sequence[Source], rule: InputRule, roi: Roi | None, run: Run) -> Frame:
    """The frame of a model that learns from `items`.

    roi: None, or the region of interest in pixels of the first image: a mask (h,w), true or above 0 inside; a
    polygon [[x, y], ...] or several; the path of an image, which is read as masks of defects are, or of a .json
    file. Raises PsdlError on others.
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
    """For each category the file that holds its region of interest: `roi`, or CATEGORY.png, CATEGORY.json and so
    on in the folder `roi`, where it has one. Raises PsdlError where several would have to share one model."""
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
    """(H,W): the region of interest in the network's input."""
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
    """(h,w): a region of interest in an image's own pixels."""
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
    """(h,w): what a picture marks. Raises PsdlError on a photograph."""
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
    """The inside of one polygon [[x, y], ...], or of any of several."""
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
