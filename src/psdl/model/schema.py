"""The types of the values in a model file's card. FORMAT.md explains the keys."""

from __future__ import annotations

from typing import Any

import msgspec

from psdl.types import Recipe

__all__ = ["Averaged", "Backbone", "Card", "Decided", "Defects", "Entry", "Known", "Shares", "Sides"]


class Sides(msgspec.Struct, forbid_unknown_fields=True):
    """A grid without its region of interest: h x w cells over an input (H,W) in pixels."""

    h: int
    w: int
    input: tuple[int, int]


class Shares(msgspec.Struct, forbid_unknown_fields=True, rename={"false_reject": "alarm"}):
    """Rates by the names that they have in files."""

    false_reject: float
    review: float
    confidence: float


class Known(msgspec.Struct, forbid_unknown_fields=True):
    """A calibration without its arrays."""

    rates: Shares
    threshold: float
    review_threshold: float | None
    peak_threshold: float
    images: list[tuple[str, str, str]]
    origin: str
    confirmed: bool = False


class Backbone(msgspec.Struct, forbid_unknown_fields=True):
    """A network without its graphs; `cuts` has the SHA-256 of each further graph by the names of its taps, joined
    by commas. `graph_taps` are the taps of the first graph; empty means all."""

    name: str
    taps: tuple[str, ...]
    channels: tuple[int, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    graph_sha256: str
    weights_sha256: str
    licence: str
    cuts: dict[str, str]
    graph_taps: tuple[str, ...] = ()


class Entry(msgspec.Struct):
    """The keys that every entry of the history may have."""

    what: str
    threshold: float
    images: int = 0
    by: str = ""
    on: str = ""


class Averaged(msgspec.Struct, forbid_unknown_fields=True):
    """The names of the branches whose signals are averaged for known defects."""

    near: str
    deep: str


class Defects(msgspec.Struct, forbid_unknown_fields=True):
    """Known defects without their arrays."""

    kinds: tuple[str, ...]
    images: list[tuple[str, str, str]]
    report: dict[str, Any]


class Decided(msgspec.Struct, forbid_unknown_fields=True):
    """A classifier without its weights."""

    slope: float
    bias: float
    unit: float
    middle: float
    spread: float
    mean: float
    deviation: float


class Card(msgspec.Struct, forbid_unknown_fields=True):
    """The card of a model file."""

    format: int
    recipe: Recipe
    network: Backbone
    grids: dict[str, Sides]
    region: float | None
    calibration: Known
    learned: list[tuple[str, str, str]]
    dropped: tuple[str, ...]
    history: tuple[Entry, ...]
    categories: tuple[str, ...]
    options: dict[str, Any]
    versions: dict[str, str]
    averages: Averaged | None
    defects: Defects | None
    classifier: Decided | None
