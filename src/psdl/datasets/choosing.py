"""Chooses from samples, for all interfaces, the images to learn from and the images to measure on.

Nothing is learned from if it is not certain that it is good. The error then states what each folder was taken for.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from psdl.datasets import paths, twins
from psdl.datasets.doubts import reason
from psdl.datasets.files import Left
from psdl.datasets.tree import UNSURE
from psdl.errors import PsdlError
from psdl.input import decode
from psdl.types import InputRule, Sample

SAY = "say which are with `good` GLOB or `bad` GLOB (psdl.read(FOLDER, good=[GLOB]) in Python), or by a table"
SHOWN, MOST = 8, 16  # folders that a sentence shows, and that lines show


class Given(NamedTuple):
    """`items` are the images or samples to learn from; `rule` is the input rule of their layout."""

    items: Sequence[Any]
    rule: InputRule


def good(samples: Sequence[Sample]) -> tuple[Sample, ...]:
    """Returns the samples to learn from; none if it is not certain that there are any.

    Of each category they are the good ones of the split train, or, if there are none, the good ones without a
    split. If no sample of such a split is defective, good or UNSURE, all of them are taken.
    """
    found: set[Sample] = set()
    for category in {s.category for s in samples}:
        inside = [s for s in samples if s.category == category]
        for side in ("train", "none"):
            pool = [s for s in inside if s.split == side]
            chosen = [s for s in pool if s.label == 0]
            if not chosen and not any(s.label or s.kind == UNSURE for s in pool):
                chosen = pool
            found |= set(chosen)
            if chosen:
                break
    return tuple(s for s in samples if s in found)


def learning(samples: Sequence[Sample]) -> tuple[Sample, ...]:
    """Returns the samples to learn from, as `good` does. Raises PsdlError if there are fewer than two, or if one
    has the same bytes as a defective one."""
    chosen = good(samples)
    if not chosen:
        shown = understood(samples)
        if any(s.label is None and s.split != "test" for s in samples):
            why = reason(s.kind for s in samples if s.split != "test")
            shown += f"; {why}" if why else ""
            raise PsdlError(f"it is not certain which of {len(samples)} images are good ({shown}): {SAY}")
        raise PsdlError(
            f"no good images to learn from among {len(samples)} ({shown}): put them into train/good, or {SAY}"
        )
    twins.check(chosen, [s for s in samples if s.label == 1])
    if len(chosen) < 2:
        raise PsdlError("one good image cannot be learned from: at least 2 are needed, better 50 or more")
    return chosen


def testing(samples: Sequence[Sample]) -> tuple[Sample, ...]:
    """Returns the labelled test images; if no sample has the split test, all labelled ones. Raises PsdlError if
    there are none."""
    split = any(s.split == "test" for s in samples)
    chosen = tuple(s for s in samples if s.label is not None and (s.split == "test" or not split))
    if not chosen:
        raise PsdlError(
            f"no labelled test images to measure on among {len(samples)} images ({understood(samples)}): put them"
            " into test/good and test/KIND, or use predict"
        )
    return chosen


def unsplit(samples: Sequence[Sample]) -> bool:
    """Returns whether there are labelled good images and no sample has the split test."""
    return not any(s.split == "test" for s in samples) and any(s.label == 0 for s in samples)


def given(images: Any, published: bool = False) -> Given:
    """Returns the images to learn from among those that `fit` was given, and their input rule.

    `images` is a folder, table or list, or what `read` found there, or samples, of which the good ones are taken;
    or paths, bytes, PIL images or arrays, which are all taken. `published` asks for the input rule that was
    published for the layout, see `read`. Warns if samples are left out. Raises PsdlError if it is not certain
    which images are good, if some of the paths are called defective and others not, and if fewer than two images
    are left.
    """
    from psdl.datasets.read import Found, read

    if isinstance(images, (str, Path)):
        images = read(images, published=published)
    if isinstance(images, Found):
        return Given(learning(images.samples), images.rule)
    chosen = _listed(images)
    if len(chosen) < 2:
        raise PsdlError(f"{len(chosen)} good images were given: at least 2 are needed, better 50 or more")
    if all(isinstance(one, (str, Path)) for one in chosen):
        paths.check(chosen)
    if not all(isinstance(one, Sample) for one in chosen):
        if any(isinstance(one, Sample) for one in chosen):
            raise PsdlError("samples were given among other images: give samples alone, or none")
        return Given([decode.given(one) for one in chosen], InputRule())
    kept = learning(chosen)
    if len(kept) < len(chosen):
        warnings.warn(
            f"learning from {len(kept)} good of {len(chosen)} samples ({understood(chosen)})", stacklevel=3
        )
    return Given(kept, InputRule())


def known_defects(samples: Sequence[Sample]) -> tuple[Sample, ...]:
    """Returns the images that show defects, of data that are said to hold them: those labelled defective, and, if
    none is labelled good, those without a label. Kinds that are not known become the names of the images' folders.
    Raises PsdlError if there are none."""
    mixed = any(s.label == 0 for s in samples)
    chosen = [s for s in samples if s.label == 1 or (s.label is None and not mixed)]
    if not chosen:
        raise PsdlError(
            f"none of {len(samples)} images is labelled as a defect: give a folder or table of defects"
        )
    kinds = (s.kind if s.kind not in ("", UNSURE) else Path(s.name).parent.name for s in chosen)
    return tuple(replace(s, label=1, kind=kind) for s, kind in zip(chosen, kinds, strict=True))


def given_defects(images: Any) -> Sequence[Any]:
    """Returns the images or samples with defects that `learn_defects` was given, in the forms that `given` takes.
    Raises PsdlError like `known_defects`."""
    from psdl.datasets.read import Found, read

    if isinstance(images, (str, Path)):
        images = read(images)
    chosen = images.samples if isinstance(images, Found) else _listed(images)
    return known_defects(chosen) if chosen and all(isinstance(one, Sample) for one in chosen) else chosen


def _listed(images: Any) -> list[Any]:
    """Returns images as a list. Raises PsdlError if they are not iterable, or are bytes."""
    if not isinstance(images, Iterable) or isinstance(images, (bytes, bytearray)):
        raise PsdlError(f"images are given as {type(images).__name__}: give a folder, a table or a list of images")
    return list(images)


def understood(samples: Sequence[Sample]) -> str:
    """Returns, for messages, what each of the first folders is taken for."""
    lines = folders(samples)
    more = f"; {len(lines) - SHOWN} more folders" if len(lines) > SHOWN else ""
    return "; ".join(lines[:SHOWN]) + more


def described(samples: Sequence[Sample], left: Sequence[Left]) -> list[str]:
    """Returns lines that say what each folder is taken for, what is left out of it and why, and how the pictures
    add up. If there are many folders, those whose names differ by numbers share a line, and the last ones are only
    counted."""
    lines = folders(samples)
    if len(lines) > MOST:
        lines = folders(samples, alike=True)
    more = [f"... and {len(lines) - MOST} more folders"] if len(lines) > MOST else []
    return [*(f"  {line}" for line in (*lines[:MOST], *more)), *leaving(left), *_sums(len(samples), left)]


def leaving(left: Sequence[Left]) -> list[str]:
    """Returns lines that say what is left out and why, one for each kind of reason in each folder. Many folders
    are shortened as in `described`."""
    groups: dict[tuple[str, str], list[Left]] = {}
    many = len({_topmost(one) for one in left}) > MOST
    for one in left:
        groups.setdefault((_alike(_topmost(one)) if many else _topmost(one), one.kind), []).append(one)
    lines = [f"  {folder}: {_reason(some)}" for (folder, _), some in sorted(groups.items())]
    return (
        lines if len(lines) <= MOST else [*lines[:MOST], f"  ... and {len(lines) - MOST} more reasons and folders"]
    )


def _topmost(left: Left) -> str:
    """Returns the folder of a picture that is left out, or the name of a link."""
    parts = PurePosixPath(left.name).parts
    if left.kind == "link":
        return left.name
    return "/".join(parts[:-1]) + "/" if len(parts) > 1 else "here"


def _reason(some: Sequence[Left]) -> str:
    """Returns in words how many pictures of one folder are left out for one kind of reason, and the reason of the
    first."""
    reasons = {one.why for one in some}
    if some[0].kind == "mask":
        unused = sum(one.why.startswith("a mask,") for one in some)
        return ("1 mask" if len(some) == 1 else f"{len(some)} masks") + (
            f", {unused} of them of no defective image" if unused else ""
        )
    pictures = "1 picture" if len(some) == 1 else f"{len(some)} pictures"
    return f"{pictures} left out: {some[0].why}" + (" ..." if len(reasons) > 1 else "")


def _sums(read: int, left: Sequence[Left]) -> list[str]:
    """Returns a line that says how all pictures divide into images, masks and others; none if nothing is left
    out."""
    masks = sum(one.kind == "mask" for one in left)
    links = sum(one.kind == "link" for one in left)
    if not left:
        return []
    words = [f"{read} images", *([f"{masks} masks"] if masks else []), f"{len(left) - masks - links} left out"]
    return [f"{read + len(left) - links} pictures: {', '.join(words)}"]


def folders(samples: Sequence[Sample], alike: bool = False) -> list[str]:
    """Returns a line for each folder that says what its samples are taken for. If `alike`, folders whose names
    differ by numbers alone share a line."""
    chosen = set(good(samples))
    inside: dict[str, Counter[str]] = {}
    for s in samples:
        folder = s.name.rpartition("/")[0]
        inside.setdefault(_alike(folder) if alike else folder, Counter())[_words(s, s in chosen)] += 1
    return [
        f"{folder + '/' if folder else 'here'}: " + ", ".join(f"{n} {what}" for what, n in counts.most_common())
        for folder, counts in sorted(inside.items())
    ]


def _alike(folder: str) -> str:
    """Returns the name of a folder with * for each number."""
    return re.sub(r"\d+", "*", folder)


def _words(sample: Sample, chosen: bool) -> str:
    """Returns in words what a sample is taken for. `chosen` says that it is learned from."""
    if chosen:
        return "good, to learn from" if sample.label == 0 else "unlabelled, taken as good"
    if sample.label == 1:
        return "defective" + (" to test" if sample.split == "test" else "")
    if sample.label is None and sample.kind == UNSURE and sample.split == "test":
        return "not known, not measured on"
    said = "good" if sample.label == 0 else "not known" if sample.split != "test" else "unlabelled"
    return said + (" to test" if sample.split == "test" else ", not learned from")
