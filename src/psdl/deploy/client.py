"""What a server answers, and the function that asks one: the same words on both ends of the wire."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from psdl.errors import PsdlError
from psdl.types import F32, Like, Reason, Region

__all__ = ["Answer", "Scored", "Unscored", "answer_of", "score"]

Picture = str | Path | bytes


@dataclass(frozen=True)
class Scored:
    """One image judged by a server. name: of its file; width, height in pixels; drift: what the model's monitor
    says of the images so far, empty while they look like those learned from; map: base64 of a PNG in colours
    (overlay: clear where the image is as good ones are) or of a float32 TIFF at the image's size, where it was
    asked for. anomaly_score, known_score, spoke: as in `psdl.Result`; the rest is as in `psdl.Verdict` and
    `psdl.types.Region`."""

    name: str
    verdict: str
    score: float
    threshold: float
    review_threshold: float | None
    p_value: float
    anomaly_score: float
    known_score: float | None
    spoke: str
    width: int
    height: int
    regions: list[Region]
    drift: list[str]
    map: str | None = None

    def values(self) -> F32:
        """The map (h,w) float32, NaN where the model does not look. Raises PsdlError unless it was asked for as
        tiff."""
        if not self.map or not (data := base64.b64decode(self.map)).startswith(b"II"):
            raise PsdlError("the answer holds no map of numbers: ask with map='tiff'")
        with Image.open(io.BytesIO(data), formats=["TIFF"]) as picture:
            return np.array(picture, np.float32)


@dataclass(frozen=True)
class Unscored:
    """One image of several that no verdict came of. name: of its file; error: why, in a sentence; status: the HTTP
    status that it would have had alone."""

    name: str
    error: str
    status: int


@dataclass(frozen=True)
class Answer:
    """model: the name of the model that judged; results: one for each image, in their order: its verdict, or why
    there is none."""

    model: str
    results: list[Scored | Unscored]

    @property
    def scored(self) -> list[Scored]:
        """The images that were judged."""
        return [one for one in self.results if isinstance(one, Scored)]


def score(
    url: str,
    images: Picture | Sequence[Picture],
    *,
    model: str | None = None,
    map: str | None = None,  # noqa: A002 the query's name
    token: str | None = None,
    timeout: float = 30.0,
) -> Answer:
    """Asks the server at `url`, such as "http://127.0.0.1:8100", to judge images.

    images: one or several paths or file contents; model: its name, where the server holds several; map: "png",
    "overlay" or "tiff" for maps beside the verdicts; token: where the server asks for one; timeout in seconds. Of
    several images each has its own verdict or error. Raises PsdlError with the server's own sentence where it
    refuses all, and where none answers.
    """
    import httpx

    several = images if isinstance(images, (list, tuple)) else [images]
    files = [("images", _file(picture, n)) for n, picture in enumerate(several)]
    query = {key: value for key, value in {"model": model, "map": map}.items() if value}
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        found = httpx.post(
            f"{url.rstrip('/')}/v1/score", params=query, files=files, headers=headers, timeout=timeout
        )
    except httpx.HTTPError as error:
        raise PsdlError(
            f"no answer from {url} ({error or type(error).__name__}): start `psdl serve` there"
        ) from None
    if found.status_code != 200:
        raise PsdlError(f"{url} refused ({found.status_code}): {_said(found)}")
    return answer_of(found.json())


def answer_of(values: Mapping[str, Any]) -> Answer:
    """An answer from its JSON form."""
    return Answer(values["model"], [_result(one) for one in values["results"]])


def _file(picture: Picture, n: int) -> tuple[str, bytes]:
    if isinstance(picture, bytes):
        return f"image {n}", picture
    try:
        return Path(picture).name, Path(picture).read_bytes()
    except OSError as error:
        raise PsdlError(f"{picture} cannot be read ({error}): give the path of an image") from None


def _said(response: Any) -> str:
    try:
        return str(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        return str(response.text[:200])


def _result(values: Mapping[str, Any]) -> Scored | Unscored:
    if "error" in values:
        return Unscored(**values)
    return Scored(**{**values, "regions": [_region(region) for region in values["regions"]]})


def _region(values: Mapping[str, Any]) -> Region:
    pairs = {key: tuple(values[key]) for key in ("box", "peak_at", "centroid")}
    return Region(**{**values, **pairs, "reasons": tuple(_reason(reason) for reason in values["reasons"])})


def _reason(values: Mapping[str, Any]) -> Reason:
    like = values["like"] and Like(**{**values["like"], "box": tuple(values["like"]["box"])})
    return Reason(**{**values, "taps": tuple(values["taps"]), "at": tuple(values["at"]), "like": like})
