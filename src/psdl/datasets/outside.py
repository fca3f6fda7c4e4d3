"""What lies beside a folder of images that was given alone, and seems to label these."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from psdl._util import marker
from psdl.datasets import beside, matching, words
from psdl.datasets.files import EXTENSIONS
from psdl.datasets.folders import silent

__all__ = ["labelling"]

MOST = 100  # files that are looked into


def labelling(root: Path, names: Sequence[str]) -> str:
    """What beside the folder `root` seems to label the images in it, as it is found from there; empty if nothing
    does. names: the images, below `root`.

    Files directly beside it count where they name a picture with its ending; of other folders those that are
    called after masks or annotations, and one of good images where the folder's own name says something else.
    """
    root = root.resolve()
    parent = root.parent
    if parent in (Path.home(), parent.parent):
        return ""
    if (good := _good(root)) is not None:
        return f"../{good}"
    own = [f"{root.name}/{name}" for name in names]
    known, pool = beside.Names(own), beside.Pool(frozenset(own))
    files = [file for file in _texts(parent) if _mentions(parent / file, names)]
    found = beside.unread(parent, files, known, pool)
    if found is not None:
        return f"../{found.file}"
    stems = {matching.stem_of(name) for name in names}
    for folder in _annotating(root):
        for path in sorted((parent / folder).rglob("*"))[: MOST * MOST]:
            if _of_one(path, stems):
                return f"../{folder}"
    return ""


def _texts(parent: Path) -> list[str]:
    found = [one.name for one in parent.iterdir() if one.suffix.lower() in beside.TEXTS and one.is_file()]
    return sorted(name for name in found if not name.startswith("."))[:MOST]


def _mentions(path: Path, names: Sequence[str]) -> bool:
    """Whether a file names one of some pictures with its ending."""
    try:
        with path.open("rb") as file:
            text = file.read(beside.LOOKED)
    except OSError:
        return False
    return any(PurePosixPath(name).name.encode() in text for name in names[:1000])


def _beside(root: Path) -> list[str]:
    """The names of the folders beside one, but for results."""
    folders = (one for one in root.parent.iterdir() if one.is_dir() and one.name != root.name)
    return sorted(one.name for one in folders if not marker.is_results(one))


def _good(root: Path) -> str | None:
    """A folder of good images beside one that is called otherwise, as the kind of a defect would be."""
    if silent(root.name) or words.meaning(root.name).aside:
        return None
    said = {name: words.meaning(name) for name in _beside(root)}
    return next((name for name, one in said.items() if one.graded == "good" and one.plain), None)


def _annotating(root: Path) -> list[str]:
    """The folders beside one that are called after masks or annotations."""
    said = {name: words.meaning(name) for name in _beside(root)}
    return [name for name, one in said.items() if one.role == "mask" and one.plain]


def _of_one(path: Path, stems: set[str]) -> bool:
    """Whether a mask or annotation is called after one of some images, and holds something."""
    ending = path.suffix.lower()
    if ending[1:] not in EXTENSIONS and ending not in beside.TEXTS:
        return False
    stem = matching.stem_of(path.name)
    named = stem in stems or matching.named_after(stem) in stems
    return named and path.is_file() and path.stat().st_size > 0
