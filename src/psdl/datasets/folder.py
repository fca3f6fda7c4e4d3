"""A folder of one category -> its samples, whatever its folders are called; the reader of most layouts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from psdl.datasets import beside, lists, matching, tree
from psdl.datasets.annotations import Annotated, Marked
from psdl.datasets.annotations import marked as annotated
from psdl.datasets.beside import Names
from psdl.datasets.doubts import unsure
from psdl.datasets.files import pictures
from psdl.datasets.folders import holding
from psdl.datasets.outside import labelling
from psdl.datasets.tree import DEFECT, UNSURE, Taken
from psdl.errors import PsdlError
from psdl.input import masks as reading
from psdl.types import Sample

Masks = dict[str, tuple[str, ...]]  # by the image's name


def samples(root: Path, folder: Path, category: str) -> Iterator[Sample]:
    """The samples below `folder`, named by their paths below `root`.

    What each is taken for is said by folders, else by masks and annotations: where some of the images for learning
    (or for testing) that no folder labels have any, those that are marked are defective, those whose mask or
    annotation is there and empty are good, and those without are not known. So are those of good folders in which
    something is marked. Where none has any, but something else seems to label them, they are not known either.
    Lists such as `train.txt` say what images are for that no folder gives a split.
    """
    images, masks = matching.divided(folder, pictures(folder).images)
    annotations = annotated(folder, images)
    listed = lists.splits(folder, annotations.unread, Names(images))
    annotations = annotations._replace(unread=[file for file in annotations.unread if file not in listed.files])
    found = lists.applied(tree.taken(images, holding(folder.resolve())), listed)
    bad = {name for name, one in found.items() if one.label == 1}
    drawn, lost = matching.pairs(folder, images, masks, bad)
    marked = annotations.of
    found |= _by_masks(folder, found, drawn, marked)
    open_ = [name for name, one in found.items() if one.label is None and not one.kind and one.side != "test"]
    why = _doubt(folder, images, lost, annotations) if open_ else ""
    if open_ and not why and folder == root and (outside := labelling(root, images)):
        why = (
            f"{outside} seems to label them and lies outside of the folder given: give the folder that holds both"
        )
    if why:
        found |= {name: found[name]._replace(kind=unsure(why)) for name in open_}
    found |= _contradicted(folder, found, annotations)
    before = folder.relative_to(root).as_posix()
    for name in images:
        one = found[name]
        mask = tuple(str(folder / m) for m in drawn.get(name, ())) or (
            marked[name].mask if name in marked else None
        )
        yield Sample(
            path=str(folder / name),
            name=name if before == "." else f"{before}/{name}",
            category=category,
            split=one.side,
            label=one.label,
            kind=one.kind,
            mask=_mask(mask) if one.label == 1 else None,
        )


def _mask(found: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
    return found[0] if isinstance(found, tuple) and len(found) == 1 else found


def _by_masks(
    folder: Path, found: Mapping[str, Taken], drawn: Masks, marked: Mapping[str, Marked]
) -> dict[str, Taken]:
    """What masks and annotations say of images that no folder labels."""
    new: dict[str, Taken] = {}
    for side in ("train", "test", "none"):
        pool = [name for name, one in found.items() if one.side == side and one.label is None]
        if any(name in drawn or name in marked for name in pool):
            for name in pool:
                one = _drawn(folder, drawn[name]) if name in drawn else marked.get(name, Marked(None))
                label = None if one.any is None else int(one.any)
                kind = UNSURE if label is None else one.kind or DEFECT if label else "good"
                new[name] = Taken(found[name].side, label, kind)
    return new | _against(folder, found, drawn, marked)


def _against(
    folder: Path, found: Mapping[str, Taken], drawn: Masks, marked: Mapping[str, Marked]
) -> dict[str, Taken]:
    """Images of good folders in which something is marked, which are not known; none where most of the good ones
    are marked, since marks are then not of defects."""
    good = [name for name, one in found.items() if one.label == 0]
    hit = [
        name
        for name in good
        if (_drawn(folder, drawn[name]).any if name in drawn else name in marked and marked[name].any)
    ]
    if 2 * len(hit) > len(good):
        return {}
    return {name: found[name]._replace(label=None, kind=UNSURE) for name in hit}


def _drawn(folder: Path, masks: Sequence[str]) -> Marked:
    """Whether masks mark anything; not certain if one cannot be read."""
    try:
        return Marked(any(bool(reading.marked(str(folder / mask)).any()) for mask in masks))
    except PsdlError:
        return Marked(None)


def _doubt(folder: Path, images: Sequence[str], lost: Sequence[str], annotations: Annotated) -> str:
    """What seems to label images that nothing read labels, as part of a sentence; empty if nothing does."""
    for mask in lost:
        if _drawn(folder, [mask]).any is not False:
            return f"it is not known which image {mask} is the mask of"
    stems = {matching.stem_of(name) for name in images}
    for name in images:
        if matching.named_after(matching.stem_of(name)) in stems:
            return f"{name} is called after a mask but looks like a photograph"
    file = beside.unread(folder, annotations.unread, Names(images), beside.Pool(frozenset(images)))
    return _seems(file.file) if file else ""


def _contradicted(folder: Path, found: Mapping[str, Taken], annotations: Annotated) -> dict[str, Taken]:
    """Good images to learn from of which a file that was not read seems to say something else: those of which it
    says anything, or all, if these are not few."""
    good = frozenset(name for name, one in found.items() if one.label == 0 and one.side != "test")
    pool = beside.Pool(good, good=True)
    file = beside.unread(folder, annotations.unread, Names(list(found)), pool) if good else None
    if file is None:
        return {}
    some = file.images if 0 < 2 * len(file.images) <= len(good) else good
    return {name: found[name]._replace(label=None, kind=unsure(_seems(file.file))) for name in some}


def _seems(file: str) -> str:
    """That a file seems to label images, as part of a sentence."""
    table = file.lower().endswith((*beside.TABLES, ".manifest"))
    more = ", give it itself as data" if table else ""
    return f"{file} seems to label them and cannot be read here{more}"
