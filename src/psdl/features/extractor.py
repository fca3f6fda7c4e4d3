"""One image -> the signals of every part: the one way through the network, in learning and scoring alike."""

from __future__ import annotations

import hashlib
import os
import time
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from psdl.backbone import tiling
from psdl.backbone.session import Session
from psdl.features import embeddings
from psdl.input import decode, preprocess, registration, room, urls
from psdl.input.statistics import Look, look
from psdl.model import recipes
from psdl.model.model import Frame
from psdl.types import Geometry, InputRule, Network, Origin, Recipe, Sample, Signals

Source = Any  # a Sample, an Arrived, a path or URL, file bytes, a PIL image, or an array (h,w) or (h,w,1|3|4)


NOWHERE = Frame()


class Arrived(NamedTuple):
    """An image whose file was read ahead: a sample, and the file's bytes."""

    sample: Sample
    content: bytes


class Extracted(NamedTuple):
    """signals (1,P,F) by part; inputs (h,w,3) uint8: the network's, at its largest; geometry: how pixels became
    the input of scale 1, whose pixels maps and masks have; reading, seconds: how long reading the image
    and finding its place took, and all of it; look: of the image as it was read."""

    signals: dict[str, Signals]
    inputs: decode.Pixels
    geometry: Geometry
    reading: float
    seconds: float
    look: Look


class Ready(NamedTuple):
    """An image that was read and has its place: its pixels (h,w,3), or one channel of them if it is grey;
    smallest: the network's input at the least scale, which the gain of all scales is of; look: of the image as it
    was read; reading: the seconds that took."""

    pixels: decode.Pixels
    geometry: Geometry
    smallest: decode.Pixels
    gain: float
    look: Look
    reading: float


def ready(source: Source, recipe: Recipe, frame: Frame = NOWHERE) -> Ready:
    """An image on its way to the network, as far as all scales share it. Raises PsdlError like `extract`."""
    rule, start = recipe.input or InputRule(), time.perf_counter()
    pixels, geometry = placed(source, rule, frame)
    reading = time.perf_counter() - start
    shades = preprocess.plain(pixels)
    least = preprocess.scaled(geometry, min(part.scale for part in recipe.parts), recipe.multiple)
    smallest = preprocess.shown(shades, least, rule)
    lit = smallest if shades.ndim == 3 else smallest[..., 0]
    gain = preprocess.gain(lit, recipe.light, preprocess.sized(frame.roi, least.input))
    return Ready(shades, geometry, smallest, gain, look(pixels), reading)


def at_scale(
    one: Ready, scale: float, session: Session, network: Network, recipe: Recipe, frame: Frame = NOWHERE
) -> tuple[decode.Pixels, dict[str, Signals]]:
    """What the network sees of an image at one scale (h,w,3), and the signals (1,P,F) of the parts that ask for
    it, by part. Raises PsdlError like `extract`."""
    at = preprocess.scaled(one.geometry, scale, recipe.multiple)
    known = at.input == one.smallest.shape[:2]
    inputs = one.smallest if known else preprocess.shown(one.pixels, at, recipe.input or InputRule())
    inside = preprocess.sized(frame.roi, at.input)
    values = preprocess.normalise(inputs[None], network.mean, network.std, one.gain)
    if inside is not None:
        values = np.where(inside, values, np.float32(0))  # what lies outside reaches no activation inside
    depth = recipes.passes(recipe, network.taps)[scale]
    maps = tiling.maps(partial(session.maps, depth=depth), values, recipe.tile)
    parts = [part for part in recipe.parts if part.scale == scale]
    size, roi = one.geometry.input, frame.roi
    return inputs, {part.name: embeddings.assemble(maps, part, size, roi) for part in parts}


def extract(
    source: Source, session: Session, network: Network, recipe: Recipe, frame: Frame = NOWHERE
) -> Extracted:
    """The signals of one image for every part: one pass through the network at each scale that a part asks for.

    Raises PsdlError on images that cannot be read or are too small for the recipe's input rule.
    """
    start = time.perf_counter()
    with room.held(file_of(source)):
        one = ready(source, recipe, frame)
        found: dict[str, Signals] = {}
        for scale in recipes.passes(recipe, network.taps):
            inputs, inside = at_scale(one, scale, session, network, recipe, frame)
            found |= inside
    return Extracted(found, inputs, one.geometry, one.reading, time.perf_counter() - start, one.look)


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
        return Origin(str(source), _digest(_content(str(source))))
    source = decode.given(source)
    data = source if isinstance(source, bytes) else np.ascontiguousarray(source).tobytes()
    return Origin(f"image {number}", _digest(data))


def identity(source: Source, number: int) -> list[str]:
    """What tells a source from another, and a file from its later self, without reading it: name, size and time;
    of what is no file the digest."""
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
