"""Requests that have been taken on, and the threads that judge their images."""

from __future__ import annotations

import asyncio
import base64
import io
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

import numpy as np
from PIL import Image

from psdl.api import Detector
from psdl.deploy.client import Scored
from psdl.deploy.serve.bounds import Bounds, Refused
from psdl.input import decode
from psdl.report import heat
from psdl.scoring.result import Result

Named = tuple[str, bytes]  # an image: its file's name and content


class Line:
    """At most `bounds.queue` requests at a time. An image that is alone gets all cores; those that wait for each
    other get one core each, which judges more of them a second. Scores are the same bytes either way."""

    def __init__(self, bounds: Bounds, workers: int | None = None) -> None:
        self.bounds = bounds
        self.cores = workers or os.cpu_count() or 1
        self.taken = 0  # requests
        self.images = 0
        self.pool = ThreadPoolExecutor(self.cores, thread_name_prefix="psdl-serve")

    def take(self) -> None:
        """Takes one request on, until `leave`. Raises Refused where all places are taken."""
        if self.taken >= self.bounds.queue:
            raise Refused(
                429, f"{self.taken} requests are being answered, which is the bound: come again", unread=True
            )
        self.taken += 1

    def leave(self) -> None:
        """Gives one request's place back."""
        self.taken -= 1

    async def judge(
        self, detector: Detector, images: Sequence[Named], maps: str | None
    ) -> list[tuple[Scored, Result]]:
        """What the detector says of the images of one request. Raises PsdlError on images that cannot be read,
        Refused on ones too large, and where no core came to them in time."""
        loop = asyncio.get_running_loop()
        self.images += len(images)
        work = [loop.run_in_executor(self.pool, self._one, detector, image, maps) for image in images]
        for future in work:
            future.add_done_callback(self._done)
        try:
            async with asyncio.timeout(self.bounds.seconds):
                return await asyncio.gather(*work)
        except TimeoutError:
            raise Refused(503, f"no answer within {self.bounds.seconds:g} s: too much is waiting") from None
        finally:
            for future in work:
                future.cancel()

    def _done(self, _: Any) -> None:
        self.images -= 1

    def _one(self, detector: Detector, image: Named, maps: str | None) -> tuple[Scored, Result]:
        name, data = image
        height, width = decode.header(data, name)
        if height * width > self.bounds.pixels:
            raise Refused(413, f"{name} has {width} x {height} pixels, at most {self.bounds.pixels:,} are taken")
        rule = detector.recipe.input
        pixels = decode.pixels(data, name, rule.white if rule else None)
        found = detector.score(pixels, threads=self.cores if self.images == 1 else 1)
        return scored(name, found, maps), found


def scored(name: str, result: Result, maps: str | None) -> Scored:
    """A result in the words of the answer, with its map as `maps` asks: png, tiff or None."""
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
        map=_map(result, maps) if maps else None,
    )


def plain(answers: Sequence[Scored]) -> list[dict[str, Any]]:
    """Answers as JSON takes them."""
    return [asdict(one) for one in answers]


def _map(result: Result, kind: str) -> str:
    values = result.map
    data = io.BytesIO()
    if kind == "tiff":
        Image.fromarray(values).save(data, "TIFF", compression="tiff_adobe_deflate")
    else:
        Image.fromarray(np.asarray(heat.opaque(values, result.calibration))).save(data, "PNG")
    return base64.b64encode(data.getvalue()).decode()
