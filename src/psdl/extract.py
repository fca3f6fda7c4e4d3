"""One image -> the signals of every part: the one way through the network, in learning and scoring alike."""

from __future__ import annotations

from typing import Any

from psdl import image, signals
from psdl.backbone.session import Session
from psdl.types import Geometry, InputRule, Network, Recipe, Sample, Signals

Source = Any  # a Sample, a path, file bytes, a PIL image, or an array (h,w), (h,w,1), (h,w,3), (h,w,4) uint8


def extract(
    source: Source, session: Session, network: Network, recipe: Recipe
) -> tuple[dict[str, Signals], Geometry]:
    """{part name: Signals of one image (1,P,F)}, and how its pixels became the network's input.

    Raises PsdlError on images that cannot be read or are too small for the recipe's input rule.
    """
    source = source.path if isinstance(source, Sample) else source
    name = name_of(source)
    inputs, geometry = image.to_input(image.pixels(source, name), recipe.input or InputRule(), name)
    maps = session.maps(image.normalise(inputs[None], network.mean, network.std))
    found = {part.name: signals.assemble(maps, part, geometry.input) for part in recipe.parts}
    return found, geometry


def name_of(source: Source) -> str:
    """How messages call an image: its path, else "image"."""
    if isinstance(source, Sample):
        return source.path
    return (
        "image"
        if hasattr(source, "shape") or hasattr(source, "mode") or isinstance(source, bytes)
        else str(source)
    )
