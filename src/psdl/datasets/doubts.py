"""Marks images of which it is not certain whether they are good, and keeps the reason with the mark."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["UNSURE", "Unsure", "reason", "unsure"]

UNSURE = "?"  # the kind of an image of which it is not certain whether it is good


class Unsure(str):
    """The kind UNSURE, to which it is equal. `why` is the reason as part of a sentence; empty if none was
    given."""

    why: str = ""


def unsure(why: str) -> Unsure:
    """Returns the kind of an image that is not certain. `why` is the reason as part of a sentence."""
    kind = Unsure(UNSURE)
    kind.why = why
    return kind


def reason(kinds: Iterable[str]) -> str:
    """Returns the first reason that is given among the kinds of images; empty if there is none."""
    return next((kind.why for kind in kinds if isinstance(kind, Unsure) and kind.why), "")
