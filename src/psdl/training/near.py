"""Recognises copies of images that were learned from although their bytes differ: saved again, in another format
or size, or slightly brighter."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from psdl.calibrate.anew import Fresh
from psdl.features.extractor import FeatureExtractor, Source
from psdl.types import F32, Run

__all__ = ["marked"]

SIDE = 32  # pixels a side to which both pictures are resized
MEAN = 100  # grey levels to which their means are scaled
LEVELS = 1.0  # largest mean difference in grey levels between a picture and its copy
SHARE = 0.5  # and the largest as a share of the distance between a picture learned from and its nearest other


def marked(
    found: Sequence[Fresh], items: Sequence[Source], extractor: FeatureExtractor, album: Sequence[bytes], work: Run
) -> list[Fresh]:
    """Marks good images as learned from where they are copies of images learned from, although they were saved
    again.

    `found` are the judged images and `items` the same images as sources. `album` holds small JPEG pictures of the
    images learned from; with fewer than two of them, as some recipes keep none, nothing is marked. An image is a
    copy if its mean difference from a picture of the album, in grey levels at 32 x 32 pixels and the same mean, is
    at most 1 and at most half of the median distance between a picture and its nearest other. On eight real data
    sets copies at 0.8 times the size and JPEG quality 60 differed by .3 to 1.2 grey levels. New good parts
    differed from the nearest picture by at least .93 where the nearest others were .85 apart, elsewhere by .9 to
    9. Raises PsdlError on images that cannot be read.
    """
    if len(album) < 2:
        return [*found]
    known = np.array([_small(_opened(picture)) for picture in album])
    between = np.median([np.sort(_apart(known, one))[1] for one in known])
    limit = min(LEVELS, SHARE * float(between))

    def is_copy(item: Source) -> bool:
        return bool(_apart(known, _small(extractor.prepare(item).smallest)).min() <= limit)

    pairs = zip(found, work(is_copy, items), strict=True)
    return [one._replace(learned=one.learned or copied) for one, copied in pairs]


def _opened(picture: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(picture), formats=["JPEG"]) as found:
        return np.asarray(found.convert("RGB"))


def _small(pixels: NDArray[np.uint8]) -> F32:
    """Returns pixels (h,w,3) as SIDE x SIDE grey levels, flattened to (SIDE * SIDE,), scaled to the mean MEAN."""
    image = Image.fromarray(pixels).convert("L")
    levels = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX), np.float32).ravel()
    return levels * np.float32(MEAN / max(1.0, float(levels.mean())))


def _apart(known: F32, one: F32) -> F32:
    """Returns the mean absolute difference (N,) of a small picture (F,) from each of the known ones (N,F)."""
    found: F32 = np.abs(known - one).mean(axis=1)
    return found
