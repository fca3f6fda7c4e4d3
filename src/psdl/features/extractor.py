"""One image -> the signals of every part: the one way through the network, in learning and scoring alike."""

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
    """An image whose file was read ahead: a sample, and the file's bytes."""

    sample: Sample
    content: bytes


class Extracted(NamedTuple):
    """signals (1,P,F) by part; inputs (h,w,3) uint8: the network's, at its largest; geometry: how pixels became
    the input of scale 1, whose pixels maps and masks have; reading, seconds: how long reading the image
    and finding its place took, and all of it; statistics: of the image as it was read; seen: see `digest`."""

    signals: dict[str, Signals]
    inputs: decode.Pixels
    geometry: Geometry
    reading: float
    seconds: float
    statistics: ImageStatistics
    seen: str


class Prepared(NamedTuple):
    """An image that was read and has its place: its pixels (h,w,3), or one channel of them if it is grey;
    smallest: the network's input at the least scale, which the gain of all scales is of; statistics: of the image
    as it was read; reading: the seconds that took."""

    pixels: decode.Pixels
    geometry: Geometry
    smallest: decode.Pixels
    gain: float
    statistics: ImageStatistics
    reading: float


@dataclass(frozen=True)
class FeatureExtractor:
    """An image through a recipe's stages up to the signals of its parts.

    recipe: whose input rule, scales and parts count; network: the backbone, cut to the recipe's taps; frame: the
    region of interest and the template that images are registered to; device: of the network, cpu or cuda. Results
    do not depend on `threads`. Sessions are opened when they are first needed, also in another process."""

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
        """How an image becomes the network's input."""
        return self.recipe.input or InputRule()

    @property
    def scales(self) -> Mapping[float, int]:
        """{scale of the input: how many taps it is run to}, smallest scale first."""
        return recipes.passes(self.recipe, self.network.taps)

    def session(self, threads: int = 1) -> Session:
        """The network with so many threads an image."""
        with self._lock:
            if threads not in self._sessions:
                self._sessions[threads] = Session(self.network, threads=threads, device=self.device)
            return self._sessions[threads]

    def prepare(self, image: Source) -> Prepared:
        """An image, read and placed, as far as all scales share it. Raises PsdlError on images that cannot be read
        or are too small for the input rule."""
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
        """What the network sees of an image at one scale (h,w,3) uint8, and the signals (1,P,F) of the parts that
        ask for it, by part."""
        at = preprocess.scaled(one.geometry, scale, self.recipe.multiple)
        known = at.input == one.smallest.shape[:2]
        inputs = one.smallest if known else preprocess.shown(one.pixels, at, self.rule)
        inside = preprocess.sized(self.frame.roi, at.input)
        values = preprocess.normalise(inputs[None], self.network.mean, self.network.std, one.gain)
        if inside is not None:
            values = np.where(inside, values, np.float32(0))  # what lies outside reaches no activation inside
        run = partial(self.session(threads).maps, depth=self.scales[scale])
        maps = tiling.maps(run, values, self.recipe.tile)
        parts = [part for part in self.recipe.parts if part.scale == scale]
        size, roi = one.geometry.input, self.frame.roi
        return inputs, {part.name: embeddings.assemble(maps, part, size, roi) for part in parts}

    def extract(self, image: Source) -> Extracted:
        """The signals of one image for every part: one pass through the network at each scale that a part asks
        for. Raises PsdlError like `prepare`."""
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
    """The SHA-256 of what the network sees of an image at the least scale, and of its shape: copies of a picture
    have the same, whatever files they are in and whatever those are called."""
    return _digest(repr(one.smallest.shape).encode() + one.smallest.tobytes())


def placed(source: Source, rule: InputRule, frame: Frame = NOWHERE) -> tuple[decode.Pixels, Geometry]:
    """An image's pixels, and where they come to lie in the network's input."""
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
    """The path of a source, the bytes of its file, or itself if it is no file."""
    if isinstance(source, Arrived):
        return source.content
    return source.path if isinstance(source, Sample) else source


def origin(source: Source, number: int) -> Origin:
    """What the record keeps of an image; `number` names one that has no name."""
    if isinstance(source, Sample):
        return Origin(source.name, _digest(_content(source.path)))
    if isinstance(source, (str, os.PathLike)):
        name = str(source) if urls.is_url(source) else os.path.abspath(source)
        return Origin(name, _digest(_content(str(source))))
    source = decode.given(source)
    data = source if isinstance(source, bytes) else np.ascontiguousarray(source).tobytes()
    return Origin(f"image {number}", _digest(data))


def below(origins: Sequence[Origin]) -> tuple[Origin, ...]:
    """The origins with names below the folder that all files named by absolute paths share, so that it does not
    matter where that folder lies."""
    folders = {os.path.dirname(one.name) for one in origins if os.path.isabs(one.name)}
    if not folders:
        return tuple(origins)
    root = os.path.commonpath(folders) if len({os.path.splitdrive(f)[0] for f in folders}) == 1 else os.sep
    return tuple(
        replace(one, name=Path(os.path.relpath(one.name, root)).as_posix()) if os.path.isabs(one.name) else one
        for one in origins
    )


def identity(source: Source, number: int) -> list[str]:
    """What distinguishes a source from another, and a file from its later self, without reading it: name, size and
    time; of what is no file the digest."""
    path = source.path if isinstance(source, Sample) else source
    if not isinstance(path, (str, Path)):
        return [origin(source, number).sha256]
    if urls.is_url(path):
        return [str(path), urls.identity(str(path))]
    found = os.stat(path)
    pose = source.pose if isinstance(source, Sample) else None
    return [str(path), str(found.st_size), str(found.st_mtime_ns), repr(pose)]


def _content(path: str | Path) -> bytes:
    return urls.content(str(path)) if urls.is_url(path) else Path(path).read_bytes()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def name_of(source: Source) -> str:
    """How messages call an image: its path, else "image"."""
    if isinstance(source, Sample):
        return source.path
    return str(source) if isinstance(source, (str, os.PathLike)) else "image"
