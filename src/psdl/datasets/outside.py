"""What lies beside a folder of images that was given alone, and seems to label these."""

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

MOST = 100  # texts that are looked into
READ = 10_000  # files of a folder that are looked at by their names
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
)  # words in the names of folders of annotations, beside those for masks
NOTES = ("readme", "license", "licence", "changelog")  # files that say nothing of single images


def labelling(root: Path, names: Sequence[str]) -> str:
    """Returns what beside the folder `root` seems to label the images in it, as a path from there; empty if
    nothing does. `names` are the images, below `root`.

    Beside a folder that only says that pictures lie there, as `images/train`, means beside those above it too.
    Tables and texts count if they name the images; folders of annotations if they hold texts, or masks, that are
    called after the images; and a folder of good images, if the own name says something else. What cannot be
    opened is passed over.
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
    """Whether a name says that pictures lie there, or what they are for, and no more: as `images`, `train2017`."""
    said = {word for word in words.parts(name) if not word.isdigit()}
    return bool(said) and all(word in words.NOUNS or word == "default" or words.split(word) for word in said)


def _entries(folder: Path) -> list[Path]:
    """The paths in a folder, in order; none if it cannot be opened."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _folders(root: Path) -> list[Path]:
    """The folders beside one, but for hidden ones, results and those that cannot be opened."""
    found = []
    for one in _entries(root.parent):
        try:
            if one.is_dir() and one != root and not one.name.startswith(".") and not marker.is_results(one):
                found.append(one)
        except OSError:
            continue
    return found


def _files(folder: Path) -> Iterator[Path]:
    """The files below a folder, as far as they can be seen."""
    for inside, _, names in os.walk(folder):
        yield from (Path(inside) / name for name in sorted(names) if not name.startswith("."))


def _good(root: Path, inside: str) -> str:
    """A folder that holds good images beside one that is called otherwise, as the kind of a defect would be.

    `inside` is the folder below `root` that holds its images; the good one must have it too. A folder given as it
    is may be a second delivery, unless the one above is called after a part of the data, as in `test/hole`.
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
    said = words.meaning(folder.name)
    return said.graded == "good" and said.plain


def _picture(path: Path) -> bool:
    return path.suffix.lower()[1:] in EXTENSIONS


def _named(root: Path, names: Sequence[str]) -> str:
    """A table or text directly beside a folder that labels the images in it, which it names."""
    tables, texts = [], []
    for one in islice(_entries(root.parent), READ):
        said, ending = words.meaning(one.stem), one.suffix.lower()
        if one.name.startswith(".") or one.stem.casefold().startswith(NOTES) or not os.path.isfile(one):
            continue
        if ending in beside.ARRAYS and said.role in ("bad", "mask") and said.plain:
            tables.append(one.name)
        elif ending in beside.TEXTS and ending != ".log" and _mentions(one, root.name, names):
            texts.append(one.name)
    own = [f"{root.name}/{name}" for name in names]
    found = beside.unread(root.parent, texts[:MOST], beside.Names(own), beside.Pool(frozenset(own)))
    return found.file if found else next(iter(tables), "")


def _mentions(path: Path, own: str, names: Sequence[str]) -> bool:
    """Whether a file names one of some pictures: with its ending, or by a stem that is no number; but not by a
    path through another folder than theirs. `own` is what the folder is called that holds them."""
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
    """A folder beside one with texts or masks that are called after the images in it, or with a text that names
    them, if it is called after annotations."""
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
    """Whether a folder is called after masks, annotations or defects."""
    said, parts = words.meaning(name), words.parts(name)
    if len(parts) > 3 and not said.plain:
        return False
    return said.role in ("bad", "mask") or bool(set(parts) & FORMATS)


def _filled(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False
