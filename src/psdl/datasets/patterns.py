"""Labels samples by the patterns of names that a user gives with `--good GLOB` and `--bad GLOB`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from psdl.datasets.choosing import understood
from psdl.datasets.tree import UNSURE, ways
from psdl.errors import PsdlError
from psdl.types import Sample

__all__ = ["named"]


def named(samples: Sequence[Sample], good: Sequence[str], bad: Sequence[str]) -> tuple[Sample, ...]:
    """Returns the samples, good if a pattern of `good` matches their name and defective if one of `bad` does,
    whatever they were taken for.

    With `good`, other samples that are not defective are not certain. With `bad` alone, other samples without a
    label, except test images, are good if none was known to be good and their folders have at most one unknown
    name. Patterns are those of a shell for the name or for a folder above it; `**` stands for any folders, and
    capitals do not matter. Raises PsdlError if a pattern matches no sample or if a sample is matched by both.
    """
    if not good and not bad:
        return tuple(samples)
    hits = {pattern: [s for s in samples if _matches(s.name, pattern)] for pattern in (*good, *bad)}
    for pattern, found in hits.items():
        if not found:
            raise PsdlError(
                f"{pattern!r} matches none of {len(samples)} images ({understood(samples)}): correct it"
            )
    fine, faulty = ({s for pattern in some for s in hits[pattern]} for some in (good, bad))
    for sample in fine & faulty:
        raise PsdlError(f"{sample.name} is matched by `good` and by `bad`: make the patterns narrower")
    rest = None if good or _several(samples, faulty) else 0
    return tuple(_named(s, s in fine, s in faulty, bool(good), rest) for s in samples)


def _several(samples: Sequence[Sample], faulty: Collection[Sample]) -> bool:
    """Returns whether some samples that are not `faulty` were known to be good, or lie in folders of different
    unknown names. Then the patterns for defective samples do not label the others."""
    rest = [s for s in samples if s not in faulty and s.split != "test" and s.label != 1]
    return any(s.label == 0 for s in rest) or len(ways(s.name for s in rest)) > 1


def _named(sample: Sample, fine: bool, faulty: bool, closed: bool, rest: int | None) -> Sample:
    """Returns a sample as the patterns label it: `fine` and `faulty` say what they match, and `closed` that there
    are patterns for good ones. `rest` is the label of a sample that no pattern matches and nothing labels."""
    if faulty:
        kind = sample.kind if sample.label else PurePosixPath(sample.name).parent.name or "defect"
        return replace(sample, label=1, kind=kind)
    if fine:
        return replace(sample, label=0, kind="good", mask=None)
    if closed and not sample.label:
        return replace(sample, label=None, kind=UNSURE)
    if sample.label is not None or sample.split == "test":
        return sample
    return replace(sample, label=rest, kind=UNSURE if rest is None else "good")


def _matches(name: str, pattern: str) -> bool:
    """Returns whether a pattern fits a name or one of the folders above it. Without a slash it may fit any
    folder's own name."""
    parts = PurePosixPath(name.casefold()).parts
    wanted = tuple(pattern.strip("/").casefold().split("/"))
    if any(_fits(parts[: n + 1], wanted) for n in range(len(parts))):
        return True
    return len(wanted) == 1 and any(fnmatchcase(part, wanted[0]) for part in parts[:-1])


def _fits(parts: Sequence[str], wanted: Sequence[str]) -> bool:
    """Returns whether the parts of a path fit all parts of a pattern, of which `**` fits any number."""
    if not wanted:
        return not parts
    if wanted[0] == "**":
        return any(_fits(parts[n:], wanted[1:]) for n in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], wanted[0]) and _fits(parts[1:], wanted[1:])
