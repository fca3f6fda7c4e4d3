"""Finds what lies beside a folder of images that was given alone, and seems to label its images."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path, PurePosixPath

from psdl._util import marker
from psdl.datasets import beside, matching, words
from psdl.datasets.files import EXTENSIONS
from psdl.datasets.folders import silent

__all__ = ["labelling"]

MOST = 100  # texts that are read, at most
READ = 10_000  # files of a folder whose names are read, at most
FORMATS = frozenset(
    {
        "xml",
        "json",
        "bbox",
        "bboxes",
        "boxes",
        "polygons",
        "rle",
        "roi",
        "marked",
        "labelme",
        "yolo",
        "voc",
        "coco",
    }
)  # words in the names of folders of annotations, besides those for masks
NOTES = ("readme", "license", "licence", "changelog")  # files that say nothing of single images


def labelling(root: Path, names: Sequence[str]) -> str:
    """Returns the path, from the folder `root` on, of what lies beside it and seems to label its images `names`;
    empty if nothing does.

    That is a table or text that names the images; a folder of annotations with texts or masks that are called
    after them; or a folder of good images, if the folder's own name says something else. If its name says only
    that pictures lie there, as in `images/train`, what lies beside the folder above counts too, up to three
    levels. Files and folders that cannot be opened are skipped.
    """
    root, below, here, inside = root.resolve(), list(names), True, ""
    for step in range(1, 4):
        if root.parent in (Path.home(), root.parent.parent):
            return ""
        found = _good(root, inside) or (here and (_named(root, below) or _owned(root, below)))
        if found:
            return "../" * step + found
        here &= _only_says_pictures(root.name)
        if not (here or words.meaning(root.name).neutral):
            return ""
        below = [f"{root.name}/{name}" for name in below]
        root, inside = root.parent, f"{root.name}/{inside}"
    return ""


def _only_says_pictures(name: str) -> bool:
    """Returns whether a name says only that pictures lie there, or for which split: as `images` or `train2017`."""
    said = {word for word in words.parts(name) if not word.isdigit()}
    return bool(said) and all(word in words.NOUNS or word == "default" or words.split(word) for word in said)


def _entries(folder: Path) -> list[Path]:
    """Returns the paths in a folder, sorted; none if it cannot be opened."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _folders(root: Path) -> list[Path]:
    """Returns the folders beside a folder, without hidden ones, results of psdl, and those that cannot be
    opened."""
    found = []
    for one in _entries(root.parent):
        try:
            if one.is_dir() and one != root and not one.name.startswith(".") and not marker.is_results(one):
                found.append(one)
        except OSError:
            continue
    return found


def _files(folder: Path) -> Iterator[Path]:
    """Yields the files below a folder that are not hidden; folders that cannot be opened are skipped."""
    for inside, _, names in os.walk(folder):
        yield from (Path(inside) / name for name in sorted(names) if not name.startswith("."))


def _good(root: Path, inside: str) -> str:
    """Returns the path of a folder of good images beside one that is called otherwise, as a kind of defect would
    be; empty if there is none.

    `inside` is the folder below `root` that holds its images; the good folder must have images there too. If
    `root` holds them itself, it may be just another delivery. Then a good folder counts only if the folder above
    is called after a split, as in `test/hole` beside `test/good`; so do good folders of other splits, as
    `train/good`.
    """
    if silent(root.name) or _plainly_good(root):
        return ""
    near, above = _folders(root), words.meaning(root.parent.name)
    if above.split and _only_says_pictures(root.parent.name):
        near += [one for side in _folders(root.parent) for one in _entries(side)]
    elif not inside:
        return ""
    for one in near:
        if _plainly_good(one) and any(map(_picture, islice(_files(one / inside), READ))):
            return os.path.relpath(one, root.parent).replace(os.sep, "/")
    return ""


def _plainly_good(folder: Path) -> bool:
    """Returns whether the name of a folder says good and has no unknown word."""
    said = words.meaning(folder.name)
    return said.graded == "good" and said.plain


def _picture(path: Path) -> bool:
    """Returns whether a file has the extension of an image."""
    return path.suffix.lower()[1:] in EXTENSIONS


def _named(root: Path, names: Sequence[str]) -> str:
    """Returns the name of a table or text beside a folder that names its images and seems to label them, or of a
    file of arrays that is called after defects or masks; empty if there is none."""
    tables, texts = [], []
    for one in islice(_entries(root.parent), READ):
        said, ending = words.meaning(one.stem), one.suffix.lower()
        if one.name.startswith(".") or one.stem.casefold().startswith(NOTES) or not os.path.isfile(one):
            continue
        if ending in beside.ARRAYS and said.role in ("bad", "mask") and said.plain:
            tables.append(one.name)
        elif ending in beside.TEXTS and ending not in beside.PROSE and _mentions(one, root.name, names):
            texts.append(one.name)
    own = [f"{root.name}/{name}" for name in names]
    found = beside.unread(root.parent, texts[:MOST], beside.Names(own), beside.Pool(frozenset(own)))
    return found.file if found else next(iter(tables), "")


def _mentions(path: Path, own: str, names: Sequence[str]) -> bool:
    """Returns whether a file names one of the images: by its name with the extension, or by a stem of more than
    three characters that is no number. A path counts only if it has the image's own folder. `own` is the name of
    the folder that holds all images."""
    try:
        with path.open("rb") as file:
            text = file.read(beside.LOOKED)
    except OSError:
        return False
    for name in map(PurePosixPath, names[:1000]):
        stem = [name.stem] if len(name.stem) > 3 and not name.stem.isdigit() else []
        folder = os.fsencode(name.parent.name or own)
        for written in map(os.fsencode, (name.name, *stem)):
            at = text.find(written)
            before = text[max(0, at - len(folder) - 1) : max(0, at)]
            if at >= 0 and (before[-1:] not in (b"/", b"\\") or before[:-1] == folder):
                return True
    return False


def _owned(root: Path, names: Sequence[str]) -> str:
    """Returns the name of a folder beside one that is called after annotations and holds a text or mask that is
    called after one of the images, or a text that names one; empty if there is none."""
    stems = {matching.stem_of(name) for name in names}
    for folder in _folders(root):
        if not _annotating(folder.name):
            continue
        for path in islice(_files(folder), READ):
            text = path.suffix.lower() in beside.TEXTS
            drawn = _picture(path) and words.meaning(folder.name).role == "mask"
            if not (text or drawn) or not _filled(path):
                continue
            stem = matching.stem_of(path.name)
            called = {stem, PurePosixPath(stem).stem, matching.named_after(stem)}
            if called & stems or (text and _mentions(path, root.name, names)):
                return folder.name
    return ""


def _annotating(name: str) -> bool:
    """Returns whether a folder is called after masks, annotations or defects."""
    said, parts = words.meaning(name), words.parts(name)
    if len(parts) > 3 and not said.plain:
        return False
    return said.role in ("bad", "mask") or bool(set(parts) & FORMATS)


def _filled(path: Path) -> bool:
    """Returns whether a file is not empty; false if it cannot be found."""
    try:
        return path.stat().st_size > 0
    except OSError:
        return False
