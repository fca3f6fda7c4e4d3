"""Reads Rd-MVTec AD (Defard et al. 2020): MVTec AD, each image and its masks turned by up to 10 degrees and cut at
random.

The angle and the place of the window come from a hash of a seed and the image's name, so they are the same
wherever the data lie. The layout must be asked for by its name, because its files are those of MVTec AD.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from psdl.datasets.formats import mvtec
from psdl.types import InputRule, Pose, Sample

SEED = 0
DEGREES = 10  # largest angle

recognise = mvtec.recognise


def read(root: Path) -> Iterator[Sample]:
    """Yields the samples of MVTec AD, each with its pose."""
    yield from map(posed, mvtec.read(root))


def posed(sample: Sample) -> Sample:
    """Returns the sample with the pose that follows from its category and the last three parts of its path."""
    name = "/".join(PurePosixPath(sample.path).parts[-3:])
    return replace(sample, pose=_pose(f"{SEED}/{sample.category}/{name}"))


def rule(samples: Sequence[Sample]) -> InputRule:
    """Returns the input rule: the shorter side at 256 pixels, then 224 x 224 pixels where the pose puts them.
    Turned pixels take the value of their nearest neighbour."""
    return InputRule(resize=None, shorter=256, window=(224, 224), filter="bicubic", moving="nearest")


def _pose(name: str) -> Pose:
    """Returns the pose that follows from a name: an angle within DEGREES, and the place x, y of the window, 0 to
    1."""
    drawn = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
    turn, x, y = (int.from_bytes(drawn[n : n + 8], "big") / 2**64 for n in (0, 8, 16))
    return (2 * turn - 1) * DEGREES, x, y
