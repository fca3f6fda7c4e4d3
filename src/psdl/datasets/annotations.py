"""Files of annotations beside images -> what they mark in each: LabelMe, COCO, and the boxes of YOLO."""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from psdl.datasets.files import SYSTEM
from psdl.input import coco, labelme

LARGEST = 500_000_000  # bytes of a JSON file that is looked into
BOX = re.compile(r"\d+( +-?[\d.]+(e-?\d+)?){4,}", re.IGNORECASE)  # a line of YOLO: class, then a box or polygon


class Marked(NamedTuple):
    """any: whether anything is marked in an image; mask: what says where, see `masks.read`, if it can be drawn."""

    any: bool
    mask: str | None


def marked(root: Path, names: Sequence[str]) -> dict[str, Marked]:
    """What annotations mark in those images below `root` that have any, an empty file being one."""
    texts, objects = _files(root)
    found: dict[str, Marked] = {}
    stems: dict[str, list[str]] = defaultdict(list)
    for name in names if objects else ():
        stems[PurePosixPath(name).stem].append(name)
    for path, values in objects:
        if labelme.recognise(values):
            owner = _owner(path, stems)
            if owner is not None:
                found[owner] = Marked(bool(values["shapes"]), str(root / path) if values["shapes"] else None)
        elif coco.recognise(values):
            found |= _of_coco(root / path, path, values, names)
    for name in names if texts else ():
        for place in _places(name):
            if place in texts and name not in found and (lines := _boxes(root / place)) is not None:
                found[name] = Marked(bool(lines), None)
    return found


def _files(root: Path) -> tuple[set[str], list[tuple[str, Any]]]:
    """The names of text files, and of JSON files with what they hold."""
    texts: set[str] = set()
    objects: list[tuple[str, Any]] = []
    for inside, folders, names in os.walk(root):
        folders[:] = [f for f in folders if not f.startswith(".") and f.lower() not in SYSTEM]
        for name in sorted(names):
            path = Path(inside) / name
            if name.endswith((".txt", ".json")) and path.is_file():
                place = path.relative_to(root).as_posix()
                if name.endswith(".txt"):
                    texts.add(place)
                elif (values := _json(path)) is not None:
                    objects.append((place, values))
    return texts, objects


def _json(path: Path) -> Any:
    """What a JSON file holds; None for one of another program, of which nothing is known."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig")) if path.stat().st_size < LARGEST else None
    except (OSError, ValueError):
        return None


def _owner(path: str, stems: Mapping[str, Sequence[str]]) -> str | None:
    """The image that a LabelMe file is of: beside it, or the only one that is called so. stems: images by stem."""
    same = stems.get(PurePosixPath(path).stem, [])
    beside = [name for name in same if name.rpartition("/")[0] == path.rpartition("/")[0]]
    return next(iter(beside or (same if len(same) == 1 else [])), None)


def _of_coco(file: Path, path: str, values: Any, names: Sequence[str]) -> dict[str, Marked]:
    """What a COCO file marks: its images by their paths from its folder on, or by their names alone."""
    ends: dict[str, list[str]] = defaultdict(list)
    for name in names:
        ends[PurePosixPath(name).name].append(name)
    found = {}
    try:
        counts = coco.names(values)
    except (KeyError, TypeError):
        return {}
    for written, count in counts.items():
        same = ends.get(PurePosixPath(written).name, [])
        exact = [name for name in same if f"/{name}".endswith(f"/{written}")]
        near = [name for name in exact or same if PurePosixPath(name).parent == PurePosixPath(path).parent]
        chosen = near or exact or same
        if len(chosen) == 1:
            found[chosen[0]] = Marked(count > 0, f"{file}#{written}" if count else None)
    return found


def _places(name: str) -> Iterator[str]:
    """Where YOLO's text for an image may lie: beside it, or with `labels` for `images` in its path."""
    path = PurePosixPath(name).with_suffix(".txt")
    yield path.as_posix()
    for n, part in enumerate(path.parts[:-1]):
        if part.lower() == "images":
            yield PurePosixPath(*path.parts[:n], "labels", *path.parts[n + 1 :]).as_posix()
    yield PurePosixPath("labels", *path.parts).as_posix()


def _boxes(path: Path) -> list[str] | None:
    """The lines of a text file of YOLO, or None if it is none."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError):
        return None
    return lines if all(BOX.fullmatch(line) for line in lines) else None
