"""Reads the samples of one category from a folder, whatever its folders are called. Most layouts use it."""

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

Masks = dict[str, tuple[str, ...]]  # the masks of an image, by its name


def samples(root: Path, folder: Path, category: str) -> Iterator[Sample]:
    """Yields the samples below `folder`, with their paths below `root` as names.

    Names of folders and files say first what each image is taken for, and lists such as `train.txt` the split of
    images for which no folder does. Then each split is judged by itself: if some of its images that no name labels
    have masks or annotations, those in which something is marked are defective, those in which nothing is marked
    are good, and those without are not certain. If nothing labels images that are not for testing, but a file in
    the folder or beside it seems to, they are not certain. Nor are good images in which something is marked, or
    about which such a file says something. Raises PsdlError if a folder cannot be opened or if two lists
    contradict each other.
    """
    images, masks = matching.divided(folder, pictures(folder).images)
    annotations = annotated(folder, images)
    listed = lists.splits(folder, [*annotations.unread, *annotations.tables], Names(images))
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
    """Returns masks as `Sample.mask` has them: one alone is not in a tuple."""
    return found[0] if isinstance(found, tuple) and len(found) == 1 else found


def _by_masks(
    folder: Path, found: Mapping[str, Taken], drawn: Masks, marked: Mapping[str, Marked]
) -> dict[str, Taken]:
    """Returns what masks and annotations say about images that no folder labels, and about good images in which
    something is marked. `found` is what images are taken for so far; `drawn` and `marked` are their masks and
    annotations."""
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
    """Returns the images of good folders in which something is marked, as not certain; none if more than half of
    the good images are marked, since then the marks are no defects."""
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
    """Returns whether masks mark anything; `any` is None if one of them cannot be read."""
    try:
        return Marked(any(bool(reading.marked(str(folder / mask)).any()) for mask in masks))
    except PsdlError:
        return Marked(None)


def _doubt(folder: Path, images: Sequence[str], lost: Sequence[str], annotations: Annotated) -> str:
    """Returns what seems to label images that nothing labels, as part of a sentence; empty if nothing does.

    That is a mask that marks something (`lost`: it is not known of which image), a photograph that is called after
    a mask, or a file that was not read.
    """
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
    """Returns good images that are not test images, as not certain, if a file that was not read seems to say
    something about them that their folder does not: the images that it says something about, or all if these are
    none or more than half."""
    good = frozenset(name for name, one in found.items() if one.label == 0 and one.side != "test")
    pool = beside.Pool(good, good=True)
    file = beside.unread(folder, annotations.unread, Names(list(found)), pool) if good else None
    if file is None:
        return {}
    some = file.images if 0 < 2 * len(file.images) <= len(good) else good
    return {name: found[name]._replace(label=None, kind=unsure(_seems(file.file))) for name in some}


def _seems(file: str) -> str:
    """Returns the part of a sentence that says that a file seems to label images."""
    table = file.lower().endswith((*beside.TABLES, ".manifest"))
    more = ", give it itself as data" if table else ""
    return f"{file} seems to label them and cannot be read here{more}"
