"""Examines the files below a folder of images that are not images themselves: tables that label these, and files
that seem to label them and cannot be read."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from psdl._util import marker
from psdl.datasets import informative, matching, records, rows, words
from psdl.datasets.files import EXTENSIONS, SYSTEM
from psdl.errors import PsdlError

__all__ = ["Names", "Pool", "Unread", "labelled", "others", "unread"]

TABLES = (".csv", ".tsv", ".jsonl")
TEXTS = (
    *(*TABLES, ".txt", ".json", ".xml", ".yaml", ".yml", ".manifest", ".ndjson", ".jsonlines", ".log", ".dat"),
    *(".md", ".rst", ".html", ".htm", ".prn", ".lst", ".list", ".ini", ".toml", ".geojson", ".names", ".labels"),
)  # extensions of texts
PROSE = (".log", ".md", ".rst", ".html", ".htm")  # texts that name images for any reason
ARRAYS = (
    *(".npy", ".npz", ".mat", ".pkl", ".pickle", ".h5", ".xls", ".xlsx", ".xlsm", ".ods", ".parquet", ".sqlite"),
    *(".db", ".roi", ".hdict", ".tfrecord"),
)  # extensions of files with arrays, tables or other data that are not text
PICTURES = (".jp2", ".tga", ".exr", ".svg", ".avif", ".jxl")  # pictures of kinds that are not read
LISTING = frozenset(
    {
        "file",
        "files",
        "filelist",
        "list",
        "lists",
        "name",
        "names",
        "index",
        "some",
        "selected",
        "selection",
        "subset",
    }
)  # words in the names of lists that say nothing about what these name
# Texts called so hold what was found in the image that they are called after.
RESULT = re.compile(r"(.+?)[-_. ]+(?:results?|verdict|inspection|ergebnis|befund)", re.IGNORECASE)
LARGEST = 50_000_000  # bytes; larger tables are not read
LOOKED = 5_000_000  # bytes of other files that are read, at most


class Names:
    """The images below a folder, by what other files call them.

    `all` are their paths below the folder. `files` has these by the names of their files, and `stems` by their
    stems. A stem of digits is also found without its leading zeros, because spreadsheets write 0006 as 6.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.all = frozenset(names)
        self.files: dict[str, list[str]] = defaultdict(list)
        self.stems: dict[str, list[str]] = defaultdict(list)
        for name in names:
            self.files[PurePosixPath(name).name].append(name)
            self.stems[matching.stem_of(name)].append(name)
        for stem in [stem for stem in self.stems if stem.isdigit() and stem.startswith("0")]:
            self.stems.setdefault(stem.lstrip("0") or "0", self.stems[stem])

    def called(self, written: str, folder: str) -> list[str]:
        """Returns the images that a file in `folder` can mean by the path or name `written`: one if it is certain,
        none if there is no such image."""
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
    """Returns the paths, from `root` on, of all files below it that may label images: texts, files of arrays, and
    pictures of kinds that are not read. Hidden files, files of the system and psdl's own results are left out."""
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
    """Returns the labels of images, by their names, from a table below `root`.

    The result is None if the file is no table of paths and labels alone, if it labels none of the images, if a
    path can mean several of them, if labels are numbers, or if two rows contradict each other.
    """
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
        if len(called) > 1 or informative.NUMBERS.fullmatch(value):
            return None
        if called and value and labels.setdefault(called[0], value) != value:
            return None
    return labels or None


class Pool(NamedTuple):
    """The images that a file may label. `good` says that their folders call all of them good."""

    names: frozenset[str]
    good: bool = False


class Unread(NamedTuple):
    """A file that was not read and seems to label images, and the images that it says something about."""

    file: str
    images: frozenset[str]


def unread(root: Path, files: Sequence[str], names: Names, pool: Pool) -> Unread | None:
    """Returns the first of some files, all of them not read, that seems to label images of a pool; None if none
    does. Texts that are called after images come last, those of one extension together."""
    owned: dict[str, list[str]] = defaultdict(list)
    for file in files:
        if (owners := _owners(file, names)) and file.lower().endswith(TEXTS):
            owned[PurePosixPath(file).suffix.lower()].append(file)
        elif _array(file, names, bool(owners)) if not file.lower().endswith(TEXTS) else False:
            return Unread(file, frozenset(owners) & pool.names)
        elif file.lower().endswith(TEXTS) and (found := _listing(root, file, names, pool)):
            return found
    return next((found for some in owned.values() if (found := _owned(root, some, names, pool))), None)


def _owners(file: str, names: Names) -> list[str]:
    """Returns the images that a file is called after: those in its own folder, or, if there are none, all."""
    stem = matching.stem_of(file)
    bare = PurePosixPath(stem).stem if PurePosixPath(stem).suffix[1:] in EXTENSIONS else stem
    base = matching.named_after(stem) or (found[1] if (found := RESULT.fullmatch(stem)) else "")
    same = names.stems.get(bare) or names.stems.get(base, [])
    return [name for name in same if name.rpartition("/")[0] == file.rpartition("/")[0]] or list(same)


def _array(file: str, names: Names, own: bool) -> bool:
    """Returns whether a file of arrays, or a picture of a kind that is not read, seems to label images, by its
    name. `own` says that it is called after an image."""
    stem = matching.stem_of(file)
    if matching.named_after(stem) in names.stems:
        return True
    table = not own and file.lower().endswith(ARRAYS) and words.meaning(stem).role in ("bad", "mask")
    return table or (own and matching.in_masks(file))


def _owned(root: Path, files: Sequence[str], names: Names, pool: Pool) -> Unread | None:
    """Returns the first of the files, which are called after images and have one extension, if together they seem
    to label images of the pool; None if not. They do if only some of them hold anything, or if what they hold
    differs."""
    found: list[tuple[str, records.Record]] = []
    for file in files:
        values = records.of_one(file, _text(root / file))
        found += [(file, records.Record(name, values)) for name in _owners(file, names) if name in pool.names]
    filled = {one.image for _, one in found if any(one.values.values())}
    some = 0 < len(filled) < len(pool.names)  # but not all have a text that says anything
    if not some and not informative.divides("", [one for _, one in found], pool.names, pool.good):
        return None
    first = next((file for file, one in found if any(one.values.values())), found[0][0])
    return Unread(first, frozenset(one.image for _, one in found))


def _listing(root: Path, file: str, names: Names, pool: Pool) -> Unread | None:
    """Returns a text that names images, with those images, if it seems to label them; None if not. For good images
    a text that calls all of them good does not count."""
    text = _text(root / file)
    said = records.parsed(file, text, names.stems)
    folder = file.rpartition("/")[0]
    found = []
    for one in said.records:
        called = names.called(one.image, folder)
        if not pool.good or pool.names.issuperset(called):
            found += [records.Record(name, one.values) for name in called if name in pool.names]
    notes = pool.good and file.lower().endswith((".txt", *PROSE))  # may say anything
    agreed = pool.good and all(map(informative.says_good, found))  # all say the same as the folders
    if agreed and found:
        return None
    notes |= file.lower().endswith(".log")
    rest = set(words.parts(said.rest))
    if found and said.bare and _unknown(file) and not pool.names.issubset(one.image for one in found):
        return Unread(file, frozenset(one.image for one in found))  # such as `hole.txt`
    besides = found and not notes and not rest & informative.NO_LABELS and any(map(informative.speaks, rest))
    if besides or informative.divides(matching.stem_of(file), found, pool.names, pool.good):
        return Unread(file, frozenset(one.image for one in found))
    return None


def _unknown(file: str) -> bool:
    """Returns whether the name of a list says nothing that is known of the images that it names."""
    said = words.meaning(matching.stem_of(file))
    odd = set(words.parts(matching.stem_of(file))) - LISTING - words.NEUTRAL
    return bool(odd) and not (said.role or said.split or said.neutral)


def _text(path: Path) -> str:
    """Returns the beginning of a file as text; empty if it cannot be read."""
    try:
        with path.open("rb") as file:
            return rows.decoded(file.read(LOOKED), "replace")
    except OSError:
        return ""
