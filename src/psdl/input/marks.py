"""Decides by their labels which of the regions that a person drew in an image are defects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["defects", "is_defect"]

OTHERS = frozenset(
    {"ok", "okay", "good", "gut", "normal", "io", "i.o.", "part", "parts", "teil", "bauteil", "object", "objekt"}
    | {"product", "produkt", "workpiece", "component", "roi", "region of interest", "background", "hintergrund"}
    | {"ignore", "ignored", "don't care", "dont care"}
)  # what regions are called that mark no defect


def is_defect(label: Any) -> bool:
    """Returns whether a region with this label can be a defect. A region without a label can."""
    return str(label or "").strip().casefold() not in OTHERS


def defects(regions: Sequence[Any], label_of: Callable[[Any], Any]) -> list[Any]:
    """Returns those of the regions that can be defects; all regions if none can, as in a file that draws a region
    of interest. `label_of` returns the label of a region."""
    return [one for one in regions if is_defect(label_of(one))] or list(regions)
