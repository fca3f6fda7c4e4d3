"""Draws the annotations of one image in a COCO file (JSON with `images` and `annotations`) as a mask."""

from __future__ import annotations

from collections import defaultdict
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from psdl.input import marks

__all__ = ["mask", "names", "recognise", "size"]


def recognise(values: Any) -> bool:
    """Returns whether a JSON value is a COCO file of images with annotations."""
    return isinstance(values, dict) and isinstance(values.get("images"), list) and "annotations" in values


def names(values: Any) -> dict[str, list[str]]:
    """Returns the names of the images in a COCO file, each with the category names of its annotations."""
    called = _categories(values)
    by_image: dict[str, list[str]] = defaultdict(list)
    for one in values["annotations"]:
        by_image[str(one["image_id"])].append(called.get(str(one.get("category_id")), ""))
    found: dict[str, list[str]] = defaultdict(list)
    for image in values["images"]:
        found[str(image["file_name"])] += by_image[str(image["id"])]
    return dict(found)


def size(values: Any, name: str | None) -> tuple[int, int] | None:
    """Returns the size (h,w) that the file states for the image `name`; None if it states none. Raises like
    `mask`."""
    image = _image(values, name)
    height, width = image.get("height"), image.get("width")
    return (int(height), int(width)) if height and width else None


def mask(values: Any, name: str | None, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Returns a mask (h,w) bool of `size`, true inside all annotations of the image `name` (None: the only image).

    If only some annotations are defects, by their categories, only those are drawn, see `marks.defects`. Raises
    ValueError, TypeError, KeyError or IndexError on invalid annotations, and if the file does not hold exactly one
    such image.
    """
    image, found = _image(values, name), np.zeros(size, bool)
    own = [one for one in values["annotations"] if str(one["image_id"]) == str(image["id"])]
    called = _categories(values)
    for one in marks.defects(own, lambda one: called.get(str(one.get("category_id")))):
        found |= _region(one, size)
    return found


def _categories(values: Any) -> dict[str, str]:
    """Returns the names of the categories by their ids."""
    return {str(one.get("id")): str(one.get("name")) for one in values.get("categories") or []}


def _image(values: Any, name: str | None) -> Any:
    """Returns the only image with this name, compared by path or else by file name alone; with None the only image
    there is."""
    whole = [image for image in values["images"] if name is None or str(image["file_name"]) == name]
    chosen = whole or [image for image in values["images"] if _same(str(image["file_name"]), str(name))]
    if len(chosen) != 1:
        raise ValueError(f"{len(chosen)} images called {name or 'anything'}, expected one")
    return chosen[0]


def _same(written: str, name: str) -> bool:
    return PurePosixPath(written).name == PurePosixPath(name).name


def _region(one: Any, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Returns the mask (h,w) bool of one annotation: of its polygons, its run lengths, or, if it has neither, its
    box."""
    drawn = one.get("segmentation")
    if isinstance(drawn, dict):
        counts, own = drawn["counts"], drawn.get("size")
        if own and tuple(own) != size:
            raise ValueError(f"runs of an image of {own[1]} x {own[0]}, expected {size[1]} x {size[0]}")
        return _runs(_numbers(counts) if isinstance(counts, str) else counts, size)
    canvas = Image.new("1", size[::-1])
    draw = ImageDraw.Draw(canvas)
    for polygon in drawn or []:
        draw.polygon([float(value) for value in polygon], fill=1)
    if not drawn:
        x, y, width, height = map(float, one["bbox"])
        draw.rectangle([x, y, x + width - 1, y + height - 1], fill=1)
    return np.asarray(canvas)


def _runs(counts: list[int], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Returns the mask (h,w) bool of run lengths, alternately of false and true, counted down the columns."""
    values = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    if len(values) != size[0] * size[1]:
        raise ValueError(f"runs of {len(values)} pixels, expected {size[0] * size[1]}")
    return values.reshape(size[::-1]).T


def _numbers(text: str) -> list[int]:
    """Returns the run lengths in COCO's compressed form: five bits a character, the lowest first, with a sign at
    the end. From the fourth on, each is the difference from the last but one."""
    found: list[int] = []
    value, shift = 0, 0
    for code in (ord(c) - 48 for c in text):
        value |= (code & 31) << shift
        shift += 5
        if code & 32:
            continue
        if code & 16:
            value -= 1 << shift
        found.append(value + (found[-2] if len(found) > 2 else 0))
        value, shift = 0, 0
    return found
