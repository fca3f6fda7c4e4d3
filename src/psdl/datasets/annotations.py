"""Files of annotations beside images -> what they mark in each: LabelMe, COCO, the boxes of YOLO, and labels."""

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
)  # what lists of the classes of boxes are called
NAMED = re.compile(r"^\s*(?:names|classes):\s*(\[.*?\]|\{.*?\}|(?:\n\s*(?:-|\d+\s*:)[^\n]*)+)", re.M | re.S)
LISTING = (".yaml", ".yml", ".names", ".txt")  # their endings
MOST = 100  # of them that are looked into
LOOKED = 100_000  # bytes of a list of classes
LARGEST = 500_000_000  # bytes of a JSON file that is looked into
BOX = re.compile(
    r"\d+([ ,\t]+-?[\d.]+(e-?\d+)?){4,}", re.IGNORECASE
)  # a line of YOLO: class, then a box or polygon


class Marked(NamedTuple):
    """any: whether anything is marked in an image, None if that is not certain; mask: what says where, see
    `masks.read`, if it can be drawn; kind: the defect's name, if it is known."""

    any: bool | None
    mask: str | None = None
    kind: str = ""


class Annotated(NamedTuple):
    """of: what is marked in those images that have any annotation; unread: the files that are no pictures but
    those that were read whole."""

    of: dict[str, Marked]
    unread: list[str]


def marked(root: Path, names: Sequence[str]) -> Annotated:
    """What annotations mark in images below `root`, an empty file being one."""
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
    return Annotated(found, [file for file in files if file not in read])


def _of(root: Path, file: str, names: Names, keys: dict[tuple[str, ...], list[str]]) -> dict[str, Marked] | None:
    """What a file marks in images; None if it is not one of annotations, or not certain which images it means."""
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
    """Whether a file that lists the classes of boxes, as YOLO's `classes.txt` and `data.yaml`, has one that is no
    defect, as `good`: then it is not certain what boxes mark."""
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
    """The same of the files directly in the folder above, where exports put `data.yaml`."""
    try:
        names = [one.name for one in parent.iterdir() if one.suffix.lower() in LISTING]
    except OSError:
        return False
    return any(_lists_good(parent, name) for name in names[:MOST])


def _json(path: Path) -> Any:
    """What a JSON file holds; None for one of another program, of which nothing is known."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig")) if path.stat().st_size < LARGEST else None
    except (OSError, ValueError, RecursionError):
        return None


def _key(name: str) -> tuple[str, ...]:
    """The path of a file without its ending, folders of masks and those that only say that pictures lie there: in
    which `images/train/0.png`, `labels/train/0.txt` and `train/labels/0.txt` are equal."""
    path = PurePosixPath(name.casefold())
    kept = (f for f in path.parts[:-1] if meaning(f).role != "mask" and not set(words.parts(f)) <= words.NOUNS)
    return (*kept, path.stem)


def _owner(path: str, values: Any, names: Names) -> str | None:
    """The image that a LabelMe file is of: that which it names, or the one beside it, if these are not two."""
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
    """What a LabelMe file marks: its shapes, else the flags that are set. A flag for good that is not set leaves
    it open."""
    if values["shapes"]:
        return _drawn([str(shape.get("label")) for shape in values["shapes"]], str(path))
    flags = values.get("flags")
    flags = flags if isinstance(flags, dict) else {}
    said = {meaning(key).graded for key, value in flags.items() if value}
    if said:
        return Marked("bad" in said if said <= {"good", "bad"} and len(said) < 2 else None)
    return Marked(None if any(meaning(key).graded == "good" for key in flags) else False)


def _drawn(labels: Sequence[str], where: str) -> Marked:
    """What regions of certain labels mark in an image: defects, unless there are none or all say that it is good;
    nothing certain where they are of something else, as of the part."""
    if any(map(marks.is_defect, labels)):
        return Marked(True, where)
    return Marked(False if all(meaning(one).graded == "good" for one in labels) else None)


def _of_coco(file: Path, path: str, values: Any, names: Names) -> dict[str, Marked] | None:
    """What a COCO file marks; None where it is not certain of which images."""
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
    """What the boxes of YOLO mark, or a word for good or defective says; None for another text."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError):
        return None
    if all(BOX.fullmatch(line) for line in lines):
        return Marked(bool(lines))
    alone = len(lines) == 1 and len(lines[0]) < 40 and not lines[0][0].isdigit()
    return _labelled(lines[0]) if alone and words.label(lines[0]) else None


def _labelled(value: str) -> Marked:
    """What a label says: a word for good, one for defective, or the name of a defect; nothing certain where a word
    for good is left open, as in `OK?`."""
    said = words.label(value)
    if said == "good" and (words.meaning(value).doubtful or not words.meaning(value).plain):
        return Marked(None)
    return Marked(said != "good", kind="" if said else value)
