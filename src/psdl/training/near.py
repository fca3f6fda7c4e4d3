"""Which images are pictures that a model learned from, not to the byte: saved anew, in another format or size, a
little brighter."""

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

SIDE = 32  # pixels to which both pictures are brought
MEAN = 100  # grey levels, to which their means are brought
LEVELS = 1.0  # grey levels by which a picture and its copy differ at most, on the mean
SHARE = 0.5  # and at most this share of what lies between the pictures learned from and their nearest others


def marked(
    found: Sequence[Fresh], items: Sequence[Source], extractor: FeatureExtractor, album: Sequence[bytes], work: Run
) -> list[Fresh]:
    """Judged good images, with copies of images learned from marked as learned from, though they were saved anew.

    items: the images; album: small pictures, JPEG files, of those learned from: a model without them, as some
    recipes make, knows no such copies. On eight real sets copies at 0.8 times the size and JPEG quality 60
    differed by .3 to 1.2 grey levels, new good parts from the nearest picture by .93 at least, where the nearest
    others were .85 apart, else by .9 to 9. Raises PsdlError on images that cannot be read.
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
    """Pixels (h,w,3) as the grey levels of SIDE x SIDE ones, (SIDE * SIDE,), of one mean."""
    image = Image.fromarray(pixels).convert("L")
    levels = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX), np.float32).ravel()
    return levels * np.float32(MEAN / max(1.0, float(levels.mean())))


def _apart(known: F32, one: F32) -> F32:
    """(N,): the mean difference of a small picture from each of the known (N,F)."""
    found: F32 = np.abs(known - one).mean(axis=1)
    return found
