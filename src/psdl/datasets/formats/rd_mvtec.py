"""Rd-MVTec (Defard et al. 2020): MVTec AD, every image turned within 10 degrees and cut at random, masks alike.

Turn and place are drawn from a hash of a seed and the image's name, so they are the same wherever the data lie.
Only when asked for by name: on disk it looks like MVTec AD.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from psdl.datasets.formats import mvtec
from psdl.types import InputRule, Pose, Sample

SEED = 0
DEGREES = 10

recognise = mvtec.recognise


def read(root: Path) -> Iterator[Sample]:
    yield from map(posed, mvtec.read(root))


def posed(sample: Sample) -> Sample:
    """The sample with the pose that its category and the last three parts of its path give it."""
    name = "/".join(PurePosixPath(sample.path).parts[-3:])
    return replace(sample, pose=_pose(f"{SEED}/{sample.category}/{name}"))


def rule(samples: Sequence[Sample]) -> InputRule:
    """Shorter side to 256, then 224 x 224 where the pose puts them; turned by nearest neighbour."""
    return InputRule(resize=None, shorter=256, window=(224, 224), filter="bicubic", moving="nearest")


def _pose(name: str) -> Pose:
    drawn = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
    turn, x, y = (int.from_bytes(drawn[n : n + 8], "big") / 2**64 for n in (0, 8, 16))
    return (2 * turn - 1) * DEGREES, x, y
