"""Raises an error if a good image and a defective one are the same file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path

from psdl.errors import PsdlError
from psdl.types import Sample

__all__ = ["check"]

SHOWN = 4096  # bytes in the middle of files that are compared before the rest


def check(good: Sequence[Sample], bad: Sequence[Sample]) -> None:
    """Raises PsdlError if a good image and a defective one have the same bytes. Files are read only as far as
    needed: first their sizes are compared, then their middles, then all bytes."""
    for key in (_size, _middle, _whole):
        good, bad = _alike(good, bad, key)
    if good:
        twin = next(other for other in bad if _whole(other) == _whole(good[0]))
        raise PsdlError(
            f"{good[0].name} is taken as good, and {twin.name}, which has the same bytes, as defective: take one"
            " out, or say what both are with `good` GLOB or `bad` GLOB"
        )


def _alike(
    good: Sequence[Sample], bad: Sequence[Sample], key: Callable[[Sample], Hashable]
) -> tuple[list[Sample], list[Sample]]:
    """Returns the samples of both kinds whose key a sample of the other kind has too. None is no key."""
    if not good or not bad:
        return [], []
    keys = {key(s) for s in good} & {key(s) for s in bad} - {None}
    return [s for s in good if key(s) in keys], [s for s in bad if key(s) in keys]


def _size(sample: Sample) -> int | None:
    """Returns the number of bytes of a file; None if it is empty or missing, which a later step reports."""
    try:
        return os.stat(sample.path).st_size or None
    except OSError:
        return None


def _middle(sample: Sample) -> tuple[int | None, bytes] | None:
    """Returns the size of a file and SHOWN bytes from its middle; None if it cannot be read."""
    size = _size(sample)
    try:
        with open(sample.path, "rb") as file:
            file.seek((size or 0) // 2)
            return size, file.read(SHOWN)
    except OSError:
        return None


def _whole(sample: Sample) -> str | None:
    """Returns the SHA-256 of a file; None if it cannot be read."""
    try:
        with Path(sample.path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
