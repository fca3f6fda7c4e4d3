"""Estimates before learning how much memory and disk it will take, and decides where the signals are held."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from typing import NamedTuple

from psdl._util import machine
from psdl.errors import PsdlError
from psdl.features import store
from psdl.methods.base import method_of, params_of
from psdl.types import Recipe, Signals

__all__ = ["Plan", "plan", "size_of"]

BUDGET = 3 * 10**9  # bytes, unless another limit is given
SHARE = 0.8  # of the memory that this process may come to take, if that is less
FIXED = 350 * 10**6  # bytes: the interpreter, its libraries, the network, compiled loops
IMAGE = 30_000  # bytes of an image's small picture and of what is kept of its map
UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}


class Plan(NamedTuple):
    """Whether signals stay in memory (else they go to temporary files), the peak memory in bytes, and the size of
    the temporary files in bytes."""

    in_memory: bool
    memory: int
    file: int

    def words(self) -> str:
        """Returns the estimate as a sentence for people."""
        on_disk = f", and {_words(self.file)} in temporary files" if self.file else ""
        return f"estimated memory: {_words(self.memory)}{on_disk}"


def plan(recipe: Recipe, first: Mapping[str, Signals], images: int, most: int | None = None) -> Plan:
    """Estimates what learning from `images` images takes, and decides whether the signals fit into memory.

    `first` holds the signals (1,P,F) of the first image for every part. `most` is the memory in bytes that may be
    used; None means BUDGET, or SHARE of what this process can get if that is less. Signals that do not fit go to
    temporary files. Raises PsdlError if the rest does not fit even then, or if the disk is too small for the
    files.
    """
    shapes = {part.name: (images, *first[part.name].values.shape[1:]) for part in recipe.parts}
    works, kept = [], 0
    for part in recipe.parts:
        N, P, F = shapes[part.name]
        works.append(method_of(part).workspace(N, P, F, params_of(part)) + 2 * 16 * N * P)
        kept += 16 * N * P
    height, width = first[recipe.parts[0].name].grid.input
    pixels = 4 * height * width
    work = FIXED + kept + max(works) + images * (IMAGE + pixels // 8) + 32 * pixels
    free = machine.memory()
    budget = most if most is not None else min(BUDGET, int(SHARE * free))
    signals = sum(store.size(*shape) for shape in shapes.values())
    found = Plan(True, work + signals, 0) if work + signals <= budget else Plan(False, work, signals)
    if found.memory > (most if most is not None else free):
        limit = (
            f"`max_memory` allows {_words(most)}"
            if most is not None
            else f"{_words(free)} are all that there is for it"
        )
        raise PsdlError(
            f"learning from {images} images needs about {_words(found.memory)} of memory, but {limit}: give fewer"
            " images, a smaller `size`, the recipe fast, or more memory"
        )
    if found.file and found.file > (room := shutil.disk_usage(tempfile.gettempdir()).free):
        raise PsdlError(
            f"learning from {images} images needs {_words(found.file)} of temporary files, but"
            f" {tempfile.gettempdir()} has {_words(room)} left: set TMPDIR to a larger disk, or allow more memory"
        )
    return found


def size_of(text: str | int | None, option: str = "`max_memory`") -> int | None:
    """Returns the bytes that a text such as 3GB, 500 MB or 2e9 states; None for None. Units are powers of 1000.
    Raises PsdlError on other texts and on sizes below 1 MB or from 1000 TB up."""
    if text is None:
        return None
    text = str(text)
    digits = text.strip().lower().rstrip("kmgtb ")
    unit = text.strip().lower()[len(digits) :].strip()
    try:
        found = float(digits) * UNITS[unit]
    except (ValueError, KeyError):
        found = 0.0
    if not 10**6 <= found < 10**15:
        raise PsdlError(f"{option} is {text!r}: give a size such as 3GB or 500MB")
    return int(found)


def _words(size: int) -> str:
    return f"{size / 10**9:.1f} GB" if size >= 10**9 else f"{max(1, round(size / 10**6))} MB"
