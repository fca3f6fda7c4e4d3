"""The client of `psdl serve`: the data types of the server's answers, and a function that asks a server to judge
images."""

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
    """One image that a server judged.

    - `name` is the name of its file; `width` and `height` are its size in pixels.
    - `verdict`, `score`, `threshold`, `review_threshold` and `p_value` are as in `psdl.Verdict`.
    - `anomaly_score`, `known_score` and `spoke` are as in `psdl.Result`.
    - `regions` are as in `psdl.types.Region`.
    - `drift` has one sentence for each way in which recent images differ from those that the model learned from;
      it is empty while they are alike.
    - `map` is the anomaly map at the image's size, in base64: a PNG file in colours or a TIFF file of float32
      values; None if no map was asked for. With "overlay" the colours are transparent where the image looks like
      good ones.
    """

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
        """Returns the anomaly map (h,w) float32, NaN where the input rule cut the image away. Raises PsdlError
        unless the map was asked for as "tiff"."""
        if not self.map or not (data := base64.b64decode(self.map)).startswith(b"II"):
            raise PsdlError("the answer holds no map of numbers: ask with map='tiff'")
        with Image.open(io.BytesIO(data), formats=["TIFF"]) as picture:
            return np.array(picture, np.float32)


@dataclass(frozen=True)
class Unscored:
    """One image of several that got no verdict. `name` is the name of its file, `error` the reason as a sentence,
    and `status` the HTTP status that the image would have got alone."""

    name: str
    error: str
    status: int


@dataclass(frozen=True)
class Answer:
    """A server's answer. `model` is the name of the model that judged. `results` has one entry for each image, in
    the order of the request: its result, or the reason why there is none."""

    model: str
    results: list[Scored | Unscored]

    @property
    def scored(self) -> list[Scored]:
        """The results of the images that were judged."""
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
    """Asks the server at `url`, such as "http://127.0.0.1:8100", to judge images, and returns its answer.

    `images` is one path or the content of one file, or a list of them. `model` is the model's name; it may be left
    out if the server holds only one. `map` is "png", "overlay" or "tiff" to get anomaly maps too, see
    `Scored.map`. `token` is the bearer token, if the server asks for one. `timeout` is in seconds. Of several
    images, each has its own verdict or error. Raises PsdlError if a file cannot be read, if no server answers in
    time, and, with the server's own sentence, if it refuses the request or cannot judge any of the images.
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
    """Returns the answer that is given in its JSON form, as the server sends it."""
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
