"""Reads files of annotations beside images and decides what they mark in each image.

They are LabelMe files, COCO files (Lin et al. 2014), texts with the boxes of YOLO (as in Darknet: a line for each
box, with the number of its class and its place), texts with a label, and tables of labels.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from psdl.datasets import beside, words
from psdl.datasets.beside import Names
from psdl.datasets.words import meaning
from psdl.input import coco, labelme, marks

__all__ = ["Annotated", "Marked", "marked"]

CLASSES = frozenset(
    {"classes", "labels", "_darknet", "obj", "predefined_classes", "labelmap", "label_map", "obj_names", "names"}
    | {"class_names", "categories", "notes"}
)  # names of files that list the classes of boxes
# The list of classes in a file of YAML.
NAMED = re.compile(r"^\s*(?:names|classes):\s*(\[.*?\]|\{.*?\}|(?:\n\s*(?:-|\d+\s*:)[^\n]*)+)", re.M | re.S)
LISTING = (".yaml", ".yml", ".names", ".txt")  # extensions of lists of classes
MOST = 100  # files in a folder, at most, that are looked into for lists of classes
LOOKED = 100_000  # bytes of a list of classes that are read
LARGEST = 500_000_000  # bytes; larger JSON files are not read
BOX = re.compile(
    r"\d+([ ,\t]+-?[\d.]+(e-?\d+)?){4,}", re.IGNORECASE
)  # a line of YOLO: the number of a class, then a box or a polygon


class Marked(NamedTuple):
    """What is marked in an image.

    - `any` says whether anything is; None if that is not certain.
    - `mask` names what draws it, as in `masks.read`; None if it cannot be drawn.
    - `kind` is the name of the defect; empty if it is not known.
    """

    any: bool | None
    mask: str | None = None
    kind: str = ""


class Annotated(NamedTuple):
    """`of` has what is marked in each image that has annotations. `tables` are the tables among the files that say
    so. `unread` are the other files that may label images."""

    of: dict[str, Marked]
    unread: list[str]
    tables: list[str]


def marked(root: Path, names: Sequence[str]) -> Annotated:
    """Returns what annotations mark in the images `names` below `root`.

    A file that holds no annotations says that nothing is marked. Where files contradict each other, it is not
    certain whether anything is. Neither is it where boxes of YOLO mark something and one of their classes is no
    defect, such as `good` or `part`.
    """
    files, known = beside.others(root), Names(names)
    found: dict[str, Marked] = {}
    read: set[str] = set()
    keys: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name in names if files else ():
        keys[_key(name)].append(name)
    boxes = any(file.lower().endswith(".txt") and _key(file) in keys for file in files)
    good_too = boxes and (
        any(_lists_good(root, file) for file in files) or _lists_good_above(root.resolve().parent)
    )
    for file in files:
        of = _of(root, file, known, keys)
        if of and good_too and file.lower().endswith(".txt"):
            of = {name: Marked(None) if one.any and not one.kind else one for name, one in of.items()}
        if of is not None:
            read.add(file)
            for name, one in of.items():
                before = found.get(name, one)
                found[name] = one if before.any == one.any else Marked(None)
    tables = [file for file in files if file in read and file.lower().endswith(beside.TABLES)]
    return Annotated(found, [file for file in files if file not in read], tables)


def _of(root: Path, file: str, names: Names, keys: dict[tuple[str, ...], list[str]]) -> dict[str, Marked] | None:
    """Returns what a file marks in images; None if it holds no annotations or it is not certain in which images.
    `keys` has the images by their `_key`."""
    ending = PurePosixPath(file).suffix.lower()
    if ending == ".txt":
        owners = keys.get(_key(file), [])
        one = _text(root / file) if owners else None
        return None if one is None else dict.fromkeys(owners, one)
    if ending in beside.TABLES:
        labels = beside.labelled(root, file, names)
        return None if labels is None else {name: _labelled(value) for name, value in labels.items()}
    values = _json(root / file) if ending == ".json" else None
    if labelme.recognise(values):
        owner = _owner(file, values, names)
        return None if owner is None else {owner: _of_labelme(root / file, values)}
    return _of_coco(root / file, file, values, names) if coco.recognise(values) else None


def _lists_good(root: Path, file: str) -> bool:
    """Returns whether a file lists the classes of YOLO's boxes, as `classes.txt` and `data.yaml` do, and one of
    them is no defect, such as `good`."""
    name = PurePosixPath(file)
    listing = name.suffix.lower() in (".yaml", ".yml")
    if not listing and name.suffix.lower() != ".names" and name.stem.lower() not in CLASSES:
        return False
    try:
        text = (root / file).read_bytes()[:LOOKED].decode("utf-8-sig", "replace")
    except OSError:
        return False
    text = " ".join(one[1] for one in NAMED.finditer(text)) if listing else text
    classes = (one.strip(" \t-") for one in re.split(r"[\n,:\[\]{}\"']+", text))
    return any(meaning(one).graded == "good" or not marks.is_defect(one) for one in classes if one)


def _lists_good_above(parent: Path) -> bool:
    """Returns the same as `_lists_good` for any of the files directly in a folder, the one above the images, where
    exports put `data.yaml`."""
    try:
        names = [one.name for one in parent.iterdir() if one.suffix.lower() in LISTING]
    except OSError:
        return False
    return any(_lists_good(parent, name) for name in names[:MOST])


def _json(path: Path) -> Any:
    """Returns the content of a JSON file; None if it cannot be read or is too large."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig")) if path.stat().st_size < LARGEST else None
    except (OSError, ValueError, RecursionError):
        return None


def _key(name: str) -> tuple[str, ...]:
    """Returns what the paths of an image and of its text have in common: the path in small letters without its
    extension, without folders of masks, and without folders that only say that pictures lie there. It is the same
    for `images/train/0.png`, `labels/train/0.txt` and `train/labels/0.txt`."""
    path = PurePosixPath(name.casefold())
    kept = (f for f in path.parts[:-1] if meaning(f).role != "mask" and not set(words.parts(f)) <= words.NOUNS)
    return (*kept, path.stem)


def _owner(path: str, values: Any, names: Names) -> str | None:
    """Returns the image that a LabelMe file annotates: the one that it names, or the one of the same stem; None if
    these differ or it is not certain which image that is. `path` is the file's path below the root and `values`
    its content."""
    folder, stem = path.rpartition("/")[0], PurePosixPath(path).stem.casefold()
    written = values.get("imagePath")
    called = names.called(written, folder) if isinstance(written, str) and written else []
    same = names.stems.get(stem, [])
    near = [name for name in same if name.rpartition("/")[0] == folder] or (same if len(same) == 1 else [])
    if len(called) == 1 and len(near) == 1 and called != near:
        return None
    chosen = called if len(called) == 1 else near
    return chosen[0] if len(chosen) == 1 else None


def _of_labelme(path: Path, values: Any) -> Marked:
    """Returns what a LabelMe file marks by its shapes, or, if it has none, by its flags that are set. If none is
    set nothing is marked, unless there is a flag for good: then it is not certain."""
    if values["shapes"]:
        return _drawn([str(shape.get("label")) for shape in values["shapes"]], str(path))
    flags = values.get("flags")
    flags = flags if isinstance(flags, dict) else {}
    said = {meaning(key).graded for key, value in flags.items() if value}
    if said:
        return Marked("bad" in said if said <= {"good", "bad"} and len(said) < 2 else None)
    return Marked(None if any(meaning(key).graded == "good" for key in flags) else False)


def _drawn(labels: Sequence[str], where: str) -> Marked:
    """Returns what regions with these labels mark: a defect, if one of them can be one; nothing, if there are none
    or all say good. Otherwise it is not certain, as with regions of the part. `where` names the mask."""
    if any(map(marks.is_defect, labels)):
        return Marked(True, where)
    return Marked(False if all(meaning(one).graded == "good" for one in labels) else None)


def _of_coco(file: Path, path: str, values: Any, names: Names) -> dict[str, Marked] | None:
    """Returns what a COCO file marks in each of its images that is there; None if there are none or a name can
    mean several. `path` is the path of `file` below the root."""
    try:
        counts = coco.names(values)
    except (KeyError, TypeError, AttributeError):
        return None
    found = {}
    for written, labels in counts.items():
        chosen = names.called(written, path.rpartition("/")[0])
        if len(chosen) > 1:
            return None
        if chosen:
            found[chosen[0]] = _drawn(labels, f"{file}#{written}")
    return found or None


def _text(path: Path) -> Marked | None:
    """Returns what a text of YOLO's boxes marks, or what a text of one word for good or defective says; None for
    any other text."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError):
        return None
    if all(BOX.fullmatch(line) for line in lines):
        return Marked(bool(lines))
    alone = len(lines) == 1 and len(lines[0]) < 40 and not lines[0][0].isdigit()
    return _labelled(lines[0]) if alone and words.label(lines[0]) else None


def _labelled(value: str) -> Marked:
    """Returns what a label says. A word for defective and the name of a defect mark something, a word for good
    nothing. It is not certain if the word for good is left open, as in `OK?`, or stands beside an unknown word."""
    said = words.label(value)
    if said == "good" and (words.meaning(value).doubtful or not words.meaning(value).plain):
        return Marked(None)
    return Marked(said != "good", kind="" if said else value)
