"""What a worker does with one image: decode it, judge it, and say so in plain values."""

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
    """What a monitor is shown of an image: see `drift.Monitor.see`."""

    statistics: ImageStatistics
    verdict: str
    p_value: float


class TooLarge(PsdlError):
    """An image of more pixels than are taken."""


def sized(data: bytes, name: str, pixels: int) -> int:
    """The pixels of an image file, by its header. Raises TooLarge where they are more than `pixels`,
    PsdlError where it cannot be read."""
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
    """An image file in the words of the server's answer, with its map as `maps` asks: png, overlay, tiff or
    None."""
    result = judged(detector, data, name, pixels, threads)
    return scored(name, result, maps), _seen(result)


def row(detector: Detector, data: bytes, name: str, category: str, pixels: int) -> tuple[dict[str, Any], Seen]:
    """An image file as a line of images.jsonl."""
    result = judged(detector, data, name, pixels, 1)
    return tables.row(Sample(name, name, category), result), _seen(result)


def warm(detector: Detector, threads: int) -> None:
    """Judges a picture of nothing, so that the first real one waits for no compiler."""
    with suppress(PsdlError):  # it may be too unlike a part to be registered
        detector.score(_nothing(detector), threads=threads).regions  # noqa: B018 computed when asked for


def judged(detector: Detector, data: bytes, name: str, pixels: int, threads: int) -> Result:
    """The result of an image file. Raises PsdlError like `sized`."""
    sized(data, name, pixels)
    rule = detector.recipe.input
    found: Result = detector.score(decode.pixels(data, name, rule.white if rule else None), threads=threads)
    return found


def scored(name: str, result: Result, maps: str | None) -> Scored:
    """A result in the words of the answer. Raises PsdlError where its map would be too large."""
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
    """A picture of nothing, large enough for the model's input rule."""
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
