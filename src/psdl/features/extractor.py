"""Computes the signals of every branch from one image.

Learning and scoring use this module alike; there is no other way from an image into the network.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import numpy as np

from psdl.backbone import tiling
from psdl.backbone.session import Session
from psdl.features import embeddings
from psdl.input import decode, preprocess, registration, room, urls
from psdl.input.statistics import ImageStatistics, measure
from psdl.model import recipes
from psdl.model.model import Frame
from psdl.types import Geometry, InputRule, Network, Origin, Recipe, Sample, Signals

__all__ = [
    "Arrived",
    "Extracted",
    "FeatureExtractor",
    "Prepared",
    "below",
    "digest",
    "file_of",
    "identity",
    "name_of",
    "origin",
    "placed",
]

Source = Any  # a Sample, an Arrived, a path or URL, file bytes, a PIL image, or an array (h,w) or (h,w,1|3|4)


NOWHERE = Frame()


class Arrived(NamedTuple):
    """An image whose file was read ahead: its sample, and the bytes of the file."""

    sample: Sample
    content: bytes


class Extracted(NamedTuple):
    """The signals of one image and what is known about it.

    - `signals` has the signals (1,P,F) float32 of each branch, by its name.
    - `inputs` (h,w,3) uint8 is the network's input at the largest scale.
    - `geometry` says how source pixels map to the input of scale 1, on which maps and masks lie.
    - `reading` is the time in seconds for reading and registering the image; `seconds` is the total time.
    - `statistics` describe the image as it was read.
    - `seen` is the result of `digest`.
    """

    signals: dict[str, Signals]
    inputs: decode.Pixels
    geometry: Geometry
    reading: float
    seconds: float
    statistics: ImageStatistics
    seen: str


class Prepared(NamedTuple):
    """An image that was read and placed in the network's input, before any pass through the network.

    - `pixels` (h,w,3) uint8 are the source pixels; a grey image has one channel only, (h,w).
    - `geometry` says how source pixels map to the input of scale 1.
    - `smallest` (H,W,3) uint8 is the network's input at the smallest scale.
    - `gain` is the brightness factor for all scales, computed from `smallest`.
    - `statistics` describe the image as it was read.
    - `reading` is the time in seconds for reading and registering the image.
    """

    pixels: decode.Pixels
    geometry: Geometry
    smallest: decode.Pixels
    gain: float
    statistics: ImageStatistics
    reading: float


@dataclass(frozen=True)
class FeatureExtractor:
    """The stages from an image to the signals of every branch of a recipe.

    - `recipe` gives the input rule, the scales and the branches.
    - `network` is the backbone, cut to the recipe's taps.
    - `frame` holds the region of interest and the reference image for registration.
    - `device` is "cpu" or "cuda", where the network runs.

    Results do not depend on the number of threads. ONNX Runtime sessions are opened when they are first needed.
    Pickling leaves them out, so that another process opens its own.
    """

    recipe: Recipe
    network: Network
    frame: Frame = NOWHERE
    device: str = "cpu"
    _sessions: dict[int, Session] = field(default_factory=dict, repr=False, compare=False)
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return FeatureExtractor, (self.recipe, self.network, self.frame, self.device)

    @property
    def rule(self) -> InputRule:
        """The rule by which an image becomes the network's input."""
        return self.recipe.input or InputRule()

    @property
    def scales(self) -> Mapping[float, tuple[str, ...]]:
        """{scale of the input: taps that a pass at this scale computes}, smallest scale first."""
        return recipes.passes(self.recipe, self.network.taps)

    def session(self, threads: int = 1) -> Session:
        """Returns the session that uses so many threads for a pass; it is opened once."""
        with self._lock:
            if threads not in self._sessions:
                self._sessions[threads] = Session(self.network, threads=threads, device=self.device)
            return self._sessions[threads]

    def prepare(self, image: Source) -> Prepared:
        """Reads an image and places it; this step is common to all scales.

        `image` is a `Source`: a `Sample`, an `Arrived`, a path or URL, the bytes of a file, a PIL image, or an
        array (h,w) or (h,w,1|3|4). Raises PsdlError if the image cannot be read or is too small for the input
        rule.
        """
        start = time.perf_counter()
        pixels, geometry = placed(image, self.rule, self.frame)
        reading = time.perf_counter() - start
        shades = preprocess.plain(pixels)
        least = preprocess.scaled(geometry, min(part.scale for part in self.recipe.parts), self.recipe.multiple)
        smallest = preprocess.shown(shades, least, self.rule)
        lit = smallest if shades.ndim == 3 else smallest[..., 0]
        gain = preprocess.gain(lit, self.recipe.light, preprocess.sized(self.frame.roi, least.input))
        return Prepared(shades, geometry, smallest, gain, measure(pixels), reading)

    def extract_scale(
        self, one: Prepared, scale: float, threads: int = 1
    ) -> tuple[decode.Pixels, dict[str, Signals]]:
        """Returns the network's input (h,w,3) uint8 at one scale, and the signals (1,P,F) of the branches of this
        scale by name.

        `scale` is one of `scales`; `threads` is the number of threads for the pass.
        """
        at = preprocess.scaled(one.geometry, scale, self.recipe.multiple)
        known = at.input == one.smallest.shape[:2]
        inputs = one.smallest if known else preprocess.shown(one.pixels, at, self.rule)
        inside = preprocess.sized(self.frame.roi, at.input)
        values = preprocess.normalise(inputs[None], self.network.mean, self.network.std, one.gain)
        if inside is not None:
            values = np.where(inside, values, np.float32(0))  # pixels outside influence no activation inside
        run = partial(self.session(threads).maps, taps=self.scales[scale])
        maps = tiling.maps(run, values, self.recipe.tile)
        parts = [part for part in self.recipe.parts if part.scale == scale]
        size, roi = one.geometry.input, self.frame.roi
        return inputs, {part.name: embeddings.assemble(maps, part, size, roi) for part in parts}

    def extract(self, image: Source) -> Extracted:
        """Returns the signals of one image for every branch, with one pass through the network for each scale.

        Raises PsdlError like `prepare`.
        """
        start = time.perf_counter()
        with room.held(file_of(image)):
            one = self.prepare(image)
            found: dict[str, Signals] = {}
            for scale in self.scales:
                inputs, inside = self.extract_scale(one, scale)
                found |= inside
        took = time.perf_counter() - start
        return Extracted(found, inputs, one.geometry, one.reading, took, one.statistics, digest(one))


def digest(one: Prepared) -> str:
    """Returns the SHA-256, in hexadecimal, of the network's input at the smallest scale and of its shape.

    Copies of a picture have the same digest, whatever their file format and name, if they decode to the same
    pixels.
    """
    return _digest(repr(one.smallest.shape).encode() + one.smallest.tobytes())


def placed(source: Source, rule: InputRule, frame: Frame = NOWHERE) -> tuple[decode.Pixels, Geometry]:
    """Returns the pixels of an image (h,w,3) uint8, and the geometry that maps them to the network's input.

    `rule` gives crop, size and window. If it asks for alignment and `frame` has a reference image, the image is
    registered to that. Raises PsdlError if the image cannot be read or is too small for the rule.
    """
    source, content = source if isinstance(source, Arrived) else (source, None)
    pose = source.pose if isinstance(source, Sample) else None
    source = source.path if isinstance(source, Sample) else source
    name = name_of(source)
    pixels = decode.pixels(source if content is None else content, name, rule.white)
    geometry = preprocess.posed(preprocess.plan(rule, pixels.shape[:2], name), pose)
    if frame.reference is not None and rule.align != "none":
        grey = preprocess.grey(preprocess.shown(pixels, geometry, rule))
        geometry = preprocess.registered(geometry, registration.register(grey, frame.reference, rule.align))
    return pixels, geometry


def file_of(source: Source) -> Any:
    """Returns the path of a source, or the bytes of its file if they were read ahead; other sources are returned
    unchanged."""
    if isinstance(source, Arrived):
        return source.content
    return source.path if isinstance(source, Sample) else source


def origin(source: Source, number: int) -> Origin:
    """Returns the name and the SHA-256 of an image for the model's records.

    The digest is that of the file, or of the bytes or pixels if the image was given without a path. Such an image
    is called "image `number`".
    """
    if isinstance(source, Sample):
        return Origin(source.name, _digest(_content(source.path)))
    if isinstance(source, (str, os.PathLike)):
        name = str(source) if urls.is_url(source) else os.path.abspath(source)
        return Origin(name, _digest(_content(str(source))))
    source = decode.given(source)
    data = source if isinstance(source, bytes) else np.ascontiguousarray(source).tobytes()
    return Origin(f"image {number}", _digest(data))


def below(origins: Sequence[Origin]) -> tuple[Origin, ...]:
    """Returns the origins with absolute paths made relative to their common folder.

    The records then do not depend on where that folder lies.
    """
    folders = {os.path.dirname(one.name) for one in origins if os.path.isabs(one.name)}
    if not folders:
        return tuple(origins)
    root = os.path.commonpath(folders) if len({os.path.splitdrive(f)[0] for f in folders}) == 1 else os.sep
    return tuple(
        replace(one, name=Path(os.path.relpath(one.name, root)).as_posix()) if os.path.isabs(one.name) else one
        for one in origins
    )


def identity(source: Source, number: int) -> list[str]:
    """Returns strings that identify a source, and distinguish a file from a later version of itself.

    For a file they are path, size, modification time and pose, so that it need not be read. For a URL they are the
    address and what `urls.identity` says of it. For other sources it is the SHA-256 of the data.
    """
    path = source.path if isinstance(source, Sample) else source
    if not isinstance(path, (str, Path)):
        return [origin(source, number).sha256]
    if urls.is_url(path):
        return [str(path), urls.identity(str(path))]
    found = os.stat(path)
    pose = source.pose if isinstance(source, Sample) else None
    return [str(path), str(found.st_size), str(found.st_mtime_ns), repr(pose)]


def _content(path: str | Path) -> bytes:
    """Returns the bytes of a file or URL."""
    return urls.content(str(path)) if urls.is_url(path) else Path(path).read_bytes()


def _digest(data: bytes) -> str:
    """Returns the SHA-256 of data in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def name_of(source: Source) -> str:
    """Returns how messages call an image: its path, or "image" if it has none."""
    if isinstance(source, Sample):
        return source.path
    return str(source) if isinstance(source, (str, os.PathLike)) else "image"
