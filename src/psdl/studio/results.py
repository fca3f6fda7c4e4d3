"""Verdicts on a project's images: results/VERSION/images.jsonl with a line for each image, and small pictures
beside it."""

from __future__ import annotations

import base64
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from psdl.report import heat
from psdl.studio.labels import Image

NAME = "images.jsonl"
Values = dict[str, Any]


def folder(root: Path, version: str) -> Path:
    """Returns the folder of a version's verdicts in the project `root`."""
    return root / "results" / version


def read(where: Path) -> dict[str, Values]:
    """Returns {key: its last row} from a folder of results. An incomplete last line, which a killed process may
    leave, is ignored."""
    try:
        lines = (where / NAME).read_bytes().splitlines()
    except FileNotFoundError:
        return {}
    found: dict[str, Values] = {}
    for line in lines:
        try:
            row = json.loads(line)
            found[row["key"]] = row
        except (ValueError, KeyError, TypeError):
            continue
    return found


def seen(image: Image) -> list[int]:
    """Returns size and modification time of an image's file, to recognise changes; empty if it does not exist."""
    try:
        found = os.stat(image.path)
    except OSError:
        return []
    return [found.st_size, found.st_mtime_ns]


def missing(where: Path, images: Iterable[Image]) -> list[Image]:
    """Returns the images without a row for the present state of their file."""
    known = read(where)
    return [image for image in images if known.get(image.key, {}).get("seen") != seen(image)]


class Writer:
    """Adds rows to a folder of results. A row is written only after its pictures."""

    def __init__(self, where: Path) -> None:
        self.where = where
        (where / "pictures").mkdir(parents=True, exist_ok=True)
        self.file = (where / NAME).open("ab")
        if self.file.tell() and not (where / NAME).read_bytes().endswith(b"\n"):
            self.file.write(b"\n")

    def add(self, image: Image, row: Mapping[str, Any], pictures: Mapping[str, Any] | None) -> None:
        """Writes an image's pictures, as `thumbs.thumb` makes them, then its row."""
        drawn = keep(self.where, image.key, pictures) if pictures else {}
        line = {"key": image.key, "seen": seen(image), **row, **drawn}
        self.file.write(json.dumps(line).encode() + b"\n")
        self.file.flush()

    def close(self) -> None:
        self.file.close()


def keep(where: Path, key: str, pictures: Mapping[str, Any]) -> Values:
    """Writes the pictures of one image as files, and returns what its row says of them: width, height, outline and
    ring of the picture, and for each region the name of the similar good image, or None."""
    (where / "pictures").mkdir(parents=True, exist_ok=True)
    for name, address in _addresses(pictures):
        content = base64.b64decode(address.partition(",")[2])
        content = _coloured(content) if name == "heat" else content
        (where / "pictures" / f"{key}.{name}.webp").write_bytes(content)
    shown = {name: pictures[name] for name in ("width", "height", "outline", "spot")}
    return {"picture": shown, "patches": [pair and pair["name"] for pair in pictures["patches"]]}


def _coloured(content: bytes) -> bytes:
    """Returns a heat map, whose grey is the position on the colour scale, in the colours of the report."""
    with Picture.open(io.BytesIO(content)) as opened:
        pixels = np.array(opened.convert("RGBA"))
    pixels[..., :3] = _colours()[pixels[..., 0]]
    file = io.BytesIO()
    Picture.fromarray(pixels).save(file, "WEBP", quality=60, method=2)
    return file.getvalue()


@lru_cache(maxsize=1)
def _colours() -> NDArray[np.uint8]:
    return np.array(heat.gradient(256), np.uint8)


def _addresses(pictures: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "image", pictures["image"]
    yield "heat", pictures["heat"]
    for n, pair in enumerate(pictures["patches"]):
        if pair:
            yield f"here{n}", pair["here"]
            yield f"good{n}", pair["good"]


def verdict(score: float, model: Mapping[str, Any]) -> str:
    """Returns OK, REVIEW or NG by a version's thresholds."""
    if not score <= model["threshold"]:
        return "NG"
    review = model["review_threshold"]
    return "REVIEW" if review is not None and score > review else "OK"


def shown(root: Path, model: Mapping[str, Any]) -> dict[str, Values]:
    """Returns {key: row} of all that is known of a version. Where it has not judged an image itself, the row comes
    from the version from which it differs by thresholds alone, with the verdict by its own thresholds."""
    found: dict[str, Values] = {}
    for version in dict.fromkeys((model["base"], model["version"])):
        for key, row in read(folder(root, version)).items():
            found[key] = {**row, "at": version}
    for row in found.values():
        if "score" in row and row["at"] != model["version"]:
            row["verdict"] = verdict(row["score"], model)
    return found


def brief(image: Image, row: Mapping[str, Any]) -> Values:
    """Returns the parts of a row that a long list shows, with the label of the image."""
    kept = {name: row.get(name) for name in ("key", "verdict", "score", "error", "width", "height", "at")}
    return {**kept, "name": image.name, "label": image.label, "said": bool(image.said), "mask": image.marked}


def flips(old: Mapping[str, Values], new: Mapping[str, Values]) -> list[Values]:
    """Returns the images on which two versions' verdicts differ, from their rows."""
    found = []
    for key, row in old.items():
        other = new.get(key, {})
        if "verdict" in row and "verdict" in other and row["verdict"] != other["verdict"]:
            found.append({"key": key, "before": row["verdict"], "after": other["verdict"]})
    return found
