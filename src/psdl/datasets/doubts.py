"""Why it is not certain what an image shows: the kind of such images, with the reason in words."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["UNSURE", "Unsure", "reason", "unsure"]

UNSURE = "?"  # the kind of an image of which it is not certain whether it is good


class Unsure(str):
    """The kind UNSURE, which it equals, with the reason as part of a sentence."""

    why: str = ""


def unsure(why: str) -> Unsure:
    """The kind of an image that is not certain, and why."""
    kind = Unsure(UNSURE)
    kind.why = why
    return kind


def reason(kinds: Iterable[str]) -> str:
    """The first reason that kinds of images name, or nothing."""
    return next((kind.why for kind in kinds if isinstance(kind, Unsure) and kind.why), "")
