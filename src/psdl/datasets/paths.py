"""Gives names to images that a list, a table or a program states by their paths, and decides what these names
say."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from psdl.datasets import matching, tree
from psdl.datasets.doubts import unsure
from psdl.datasets.folders import holding
from psdl.datasets.tree import UNSURE, Taken
from psdl.datasets.words import meaning
from psdl.errors import PsdlError
from psdl.types import Sample

__all__ = ["check", "labelled", "names"]


def names(files: Sequence[str], root: Path) -> list[str]:
    """Returns the names of files: their paths below the folder `root`. If some lie outside, names begin at the
    folder above all of them, so that no name leads out of a folder of results; on different drives, at the root of
    each drive."""
    whole = [os.path.abspath(file) for file in files]
    if not whole:
        return []
    base = os.path.abspath(root)
    if not all(Path(one).is_relative_to(base) for one in whole):
        try:
            base = os.path.commonpath([os.path.dirname(one) for one in whole])
        except ValueError:  # on different drives
            return [Path(one).relative_to(Path(one).anchor).as_posix() for one in whole]
    return [Path(one).relative_to(base).as_posix() for one in whole]


def labelled(samples: Sequence[Sample], source: Path) -> list[Sample]:
    """Returns the samples that a table or list `source` names, with what their names say added where labels are
    missing.

    If no sample has a label, none is certain if `source` is called after defects; otherwise their names label them
    if these distinguish some from others. If all labels are good, samples that are called defective or look like
    masks are not certain. If some are good and others defective, the samples stay as they are; but PsdlError is
    raised if one is labelled good and called defective, or if the labels are the reverse of the names. Samples
    also stay as they are if one of them is UNSURE.
    """
    labels = {s.label for s in samples}
    if {0, 1} <= labels:
        _check_labels(samples)
    if labels not in ({None}, {0}) or any(s.kind == UNSURE for s in samples):
        return list(samples)
    if labels == {None} and meaning(source.stem).graded == "bad":
        kind = unsure(f"{source.name}, which names them, is called after defects")
        return [replace(s, kind=kind) for s in samples]
    found = _said([s.path for s in samples], [s.name for s in samples])
    if labels == {None}:
        sides = all(s.split == "none" for s in samples) and any(one.side == "train" for one in found.values())
        return [_taken(s, found[s.name], sides) for s in samples] if found else list(samples)
    doubt = {name for name, one in found.items() if one is MASK or _bad(name)}
    if len(doubt) == len(found):
        return list(samples)
    return [replace(s, label=None, kind=UNSURE) if s.name in doubt else s for s in samples]


def _check_labels(samples: Sequence[Sample]) -> None:
    """Raises PsdlError if a sample is labelled good though its path plainly says defective, or, for a sample to
    learn from, names a kind of defect in the split test; or if all samples whose paths say good are labelled
    defective. What all paths say does not count."""
    shared = set.intersection(*({*PurePosixPath(s.name).parts[:-1]} for s in samples))
    files = [s for s in samples if _plainly_bad(PurePosixPath(s.name).stem)]
    found = tree.taken([s.name for s in samples])
    for s in samples:
        folders = [p for p in PurePosixPath(s.name).parts[:-1] if p not in shared and meaning(p).graded]
        said = _plainly_bad(folders[-1]) if folders else len(files) < len(samples) and s in files
        tested = s.split == "train" and found[s.name].side == "test" and found[s.name].label == 1
        if s.label == 0 and (said or tested):
            raise PsdlError(f"{s.name} is labelled good, but its path says that it is defective: correct one")
    good = [s for s in samples if _plainly_good(PurePosixPath(s.name), shared)]
    if good and all(s.label == 1 for s in good):
        raise PsdlError(
            f"{good[0].name} and all others whose path says that they are good are labelled defective: write good"
            " or 0 for good ones, and the name of the defect or 1 for others"
        )


def _plainly_good(path: PurePosixPath, shared: Collection[str]) -> bool:
    """Returns whether the last part of a path that says good or bad says good without unknown words. `shared` are
    the names of folders that all paths have; they do not count."""
    said = [p for p in (*path.parts[:-1], path.stem) if p not in shared and meaning(p).graded]
    return bool(said) and meaning(said[-1]).graded == "good" and meaning(said[-1]).plain


def _plainly_bad(part: str) -> bool:
    """Returns whether a part of a path says defective without unknown words."""
    return meaning(part).graded == "bad" and meaning(part).plain


def _taken(sample: Sample, one: Taken, sides: bool) -> Sample:
    """Returns a sample with the label and kind that its name says, and, if `sides`, the split too."""
    return replace(sample, label=one.label, kind=one.kind, split=one.side if sides else sample.split)


def check(images: Sequence[str | Path]) -> None:
    """Raises PsdlError if by their names some of the paths that are given as good images, but not all, are
    defective or masks."""
    files = [str(image) for image in images]
    called = names(files, Path(files[0]))
    found = _said(files, called)
    odd = [
        name for name, one in found.items() if one.label == 1 or one is MASK or (one.label is None and _bad(name))
    ]
    if odd and len(odd) < len(found):
        raise PsdlError(
            f"{len(files)} paths were given as good images, but by their names {len(odd)} of them are defective or"
            f" masks, such as {odd[0]}: leave these out, or give the folder, or samples with labels"
        )


MASK = Taken("none", None, UNSURE)  # what a mask among images is taken for


def _said(files: Sequence[str], called: Sequence[str]) -> dict[str, Taken]:
    """Returns what each name is taken for; nothing if the names say of none that it is good, defective, a mask, or
    uncertain. `called` are the names of `files`."""
    root = Path(os.path.abspath(files[0])[: -len(called[0])] or os.curdir)
    images, masks = matching.divided(root, list(dict.fromkeys(called)))
    alone = [name for name in images if matching.is_lone_mask(root, name)]
    masks, images = [*masks, *alone], [name for name in images if name not in set(alone)]
    found = tree.taken(images, holding(root))
    clear = not any(one.label is not None or one.kind == UNSURE for one in found.values())
    if not masks and clear and not any(map(_bad, images)):
        return {}
    return found | dict.fromkeys(masks, MASK)


def _bad(name: str) -> bool:
    """Returns whether a file or one of its folders is called defective."""
    path = PurePosixPath(name)
    return any(meaning(part).graded == "bad" for part in (*path.parts[:-1], path.stem))
