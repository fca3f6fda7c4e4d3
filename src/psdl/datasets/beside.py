"""Files that are no pictures, below a folder of images: tables that label these, and what is not read though it
seems to."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath

from psdl._util import marker
from psdl.datasets import matching, rows, words
from psdl.datasets.files import EXTENSIONS, SYSTEM
from psdl.errors import PsdlError

__all__ = ["Names", "labelled", "others", "unread"]

TABLES = (".csv", ".tsv", ".jsonl")
TEXTS = (*TABLES, ".txt", ".json", ".xml", ".yaml", ".yml", ".manifest")
ARRAYS = (".npy", ".npz", ".mat", ".pkl", ".h5", ".xls", ".xlsx", ".ods")
PICTURES = (".jp2", ".tga", ".exr", ".svg", ".avif", ".jxl")  # of kinds that are not read
SPEAKING = frozenset(
    {"bbox", "bboxes", "bndbox", "box", "boxes", "object", "objects", "polygon", "polygons", "region", "regions"}
    | {"shape", "shapes", "choices", "class", "classes", "category", "categories", "rectangle", "rectanglelabels"}
)  # words of files that label images, beside those of `words.toml`
LARGEST = 50_000_000  # bytes of a table that is looked into
LOOKED = 200_000  # characters of a file that are looked at
PICTURE = re.compile(rf"([^\"',;:<>|/\\\r\n\t]+)\.(?:{'|'.join(sorted(EXTENSIONS))})\b", re.IGNORECASE)
NUMBERS = re.compile(r"[\s\d.,;eE+-]*\d[\s\d.,;eE+-]*")


class Names:
    """Images below a folder, found by what other files call them."""

    def __init__(self, names: Sequence[str]) -> None:
        self.all = frozenset(names)
        self.files: dict[str, list[str]] = defaultdict(list)
        self.stems: dict[str, list[str]] = defaultdict(list)
        for name in names:
            self.files[PurePosixPath(name).name].append(name)
            self.stems[matching.stem_of(name)].append(name)

    def called(self, written: str, folder: str) -> list[str]:
        """The images that a file in `folder` can mean by a path or name: one if it is certain."""
        path = written.replace("\\", "/")
        exact = os.path.normpath(f"{folder}/{path}" if folder else path).replace(os.sep, "/")
        if exact in self.all:
            return [exact]
        stem = matching.stem_of(path)
        same = self.files.get(PurePosixPath(path).name) or self.stems.get(stem, [])
        ends = [name for name in same if f"/{path}".endswith(f"/{name}") or f"/{name}".endswith(f"/{path}")]
        near = [name for name in ends or same if name.rpartition("/")[0] == folder]
        return near or ends or list(same)


def others(root: Path) -> list[str]:
    """The files below a folder that are no pictures, hidden, the system's, or psdl's own results."""
    found = []
    for inside, folders, names in os.walk(root):
        if inside != str(root) and marker.is_results(Path(inside)):
            folders[:] = []
            continue
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f.lower() not in SYSTEM)
        for name in sorted(names):
            path = Path(inside) / name
            if path.suffix.lower() in TEXTS + ARRAYS + PICTURES and not name.startswith(".") and path.is_file():
                found.append(path.relative_to(root).as_posix())
    return found


def labelled(root: Path, table: str, names: Names) -> dict[str, str] | None:
    """The labels that a plain table of paths and labels gives images; None if it is none, or not plainly one."""
    try:
        found = rows.table(root / table, ("path", "label")) if (root / table).stat().st_size < LARGEST else None
    except (PsdlError, OSError):
        return None
    if found is None or set(found.columns) != {"path", "label"}:
        return None
    labels: dict[str, str] = {}
    for _, row in found.rows:
        called = names.called(row["path"], table.rpartition("/")[0])
        value = row["label"]
        if len(called) > 1 or NUMBERS.fullmatch(value):
            return None
        if called and value and labels.setdefault(called[0], value) != value:
            return None
    return labels or None


def unread(root: Path, files: Sequence[str], read: Collection[str], names: Names) -> str:
    """A file that seems to label images, and was not read; empty if there is none."""
    return next((file for file in files if file not in read and _labels(root, file, names.stems)), "")


def _labels(root: Path, file: str, stems: Mapping[str, Sequence[str]]) -> bool:
    """Whether a file seems to label images, by its name and what it says."""
    stem = matching.stem_of(file)
    bare = PurePosixPath(stem).stem if PurePosixPath(stem).suffix[1:] in EXTENSIONS else stem
    base = matching.named_after(stem)
    if base in stems:
        return True
    own = bare in stems
    if not file.lower().endswith(TEXTS):
        table = not own and file.lower().endswith(ARRAYS) and words.meaning(stem).role in ("bad", "mask")
        return table or (own and matching.in_masks(file))
    text = _text(root / file)
    if own and text.strip() and NUMBERS.fullmatch(text):
        return True
    return (own or _mentions(text, stems)) and any(_speaks(word) for word in set(words.parts(text)))


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            return file.read(LOOKED)
    except OSError:
        return ""


def _mentions(text: str, stems: Mapping[str, Sequence[str]]) -> bool:
    """Whether a text names one of the images, with an ending."""
    return any(one in stems for found in PICTURE.finditer(text) for one in _ends(found[1].strip().casefold()))


def _ends(name: str) -> Iterator[str]:
    yield name
    yield name.rpartition(" ")[2]


@lru_cache(maxsize=65536)
def _speaks(word: str) -> bool:
    return word in SPEAKING or words.meaning(word).role is not None
