"""What a worker process does with one image: it decodes and judges the image, and returns plain values."""

from __future__ import annotations

import base64
import io
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from psdl.api import Detector
from psdl.deploy.client import Scored
from psdl.errors import PsdlError
from psdl.input import decode
from psdl.input.statistics import ImageStatistics
from psdl.report import heat, tables
from psdl.scoring.result import Result
from psdl.types import Sample

SCAN, SCANS = b"\xff\xda", 100  # of a JPEG file: each is a pass over all pixels
MAP = 64 * 2**20  # bytes of a map in an answer


class Seen(NamedTuple):
    """What a monitor is shown of an image, see `drift.Monitor.see`."""

    statistics: ImageStatistics
    verdict: str
    p_value: float


class TooLarge(PsdlError):
    """Raised for an image that has more pixels than allowed."""


def sized(data: bytes, name: str, pixels: int) -> int:
    """Returns the number of pixels of an image file, read from its header.

    `data` is the content of the file, `name` its name in messages, and `pixels` the largest number allowed. Raises
    TooLarge if there are more, and PsdlError if the header cannot be read or a JPEG file has more than SCANS
    scans.
    """
    scans = data.count(SCAN) if data.startswith(b"\xff\xd8") else 0
    if scans > SCANS:
        raise PsdlError(f"{name} has {scans:,} scans, which no camera writes: save it anew")
    height, width = decode.header(data, name)
    if height * width > pixels:
        raise TooLarge(f"{name} has {width} x {height} pixels, at most {pixels:,} are taken")
    return height * width


def answer(
    detector: Detector, data: bytes, name: str, maps: str | None, pixels: int, threads: int
) -> tuple[Scored, Seen]:
    """Returns the result of an image file as the server sends it, and what a monitor is shown of it.

    `data` is the content of the file and `name` its name. `maps` is "png", "overlay", "tiff" or None, see
    `Scored.map`. `pixels` is the largest number of pixels allowed. `threads` is the number of threads that compute
    the score. Raises PsdlError like `judged` and `scored`.
    """
    result = judged(detector, data, name, pixels, threads)
    return scored(name, result, maps), _seen(result)


def row(detector: Detector, data: bytes, name: str, category: str, pixels: int) -> tuple[dict[str, Any], Seen]:
    """Returns the result of an image file as a line of images.jsonl, and what a monitor is shown of it. The
    arguments are those of `answer`; `category` is written into the line. Raises PsdlError like `judged`."""
    result = judged(detector, data, name, pixels, 1)
    return tables.row(Sample(name, name, category), result), _seen(result)


def warm(detector: Detector, threads: int) -> None:
    """Judges a uniformly grey image, so that all code is compiled before the first real image comes."""
    with suppress(PsdlError):  # it may be too unlike a part to be registered
        detector.score(_nothing(detector), threads=threads).regions  # noqa: B018 computed when asked for


def judged(detector: Detector, data: bytes, name: str, pixels: int, threads: int) -> Result:
    """Returns the result of an image file. The arguments are those of `answer`. Raises PsdlError like `sized`, and
    if the image cannot be decoded or does not fit the model's input rule."""
    sized(data, name, pixels)
    rule = detector.recipe.input
    found: Result = detector.score(decode.pixels(data, name, rule.white if rule else None), threads=threads)
    return found


def scored(name: str, result: Result, maps: str | None) -> Scored:
    """Returns a result as the server sends it. `maps` is as in `answer`. Raises PsdlError if the file of the map
    has more than MAP bytes."""
    verdict = result.verdict
    height, width = result.geometry.source
    return Scored(
        name=name,
        verdict=verdict.verdict,
        score=verdict.score,
        threshold=verdict.threshold,
        review_threshold=verdict.review_threshold,
        p_value=verdict.p_value,
        anomaly_score=result.anomaly,
        known_score=result.known,
        spoke=result.spoke,
        width=width,
        height=height,
        regions=list(result.regions),
        drift=[],
        map=_map(result, maps, name) if maps else None,
    )


def _seen(result: Result) -> Seen:
    return Seen(result.statistics, result.verdict.verdict, result.verdict.p_value)


def _nothing(detector: Detector) -> Any:
    """Returns a uniformly grey image (h,w) uint8 that is large enough for the model's input rule."""
    rule = detector.recipe.input
    size = (rule.crop or rule.window) if rule else None
    return np.full(size or (256, 256), 128, np.uint8)


def _map(result: Result, kind: str, name: str) -> str:
    values = result.map
    data = io.BytesIO()
    if kind == "tiff":
        Image.fromarray(values).save(data, "TIFF", compression="tiff_adobe_deflate")
    else:
        coloured = heat.overlay if kind == "overlay" else heat.opaque
        Image.fromarray(np.asarray(coloured(values, result.calibration))).save(data, "PNG")
    if len(data.getvalue()) > MAP:
        raise PsdlError(
            f"the map of {name} has {len(data.getvalue()):,} bytes, at most {MAP:,} are sent: ask without"
        )
    return base64.b64encode(data.getvalue()).decode()
