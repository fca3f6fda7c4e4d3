"""Reads data sets from object stores and remote file systems, by fsspec.

Images to learn from or to measure on are fetched into the user's cache, and again only if they have changed,
because learning, the survey and the search for duplicates each read them anew. Images that are only judged are
read where they are; for these, layouts need only the names.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from psdl._util.atomic import atomic_write
from psdl.datasets.files import is_image
from psdl.errors import PsdlError
from psdl.input import urls
from psdl.types import Sample

AT_ONCE = 16  # files fetched at a time
TABLES = (".csv", ".tsv", ".jsonl", ".txt", ".json", ".xml")  # extensions of files that may label images
LABELS = "_GT.png"  # end of the names of masks from which KolektorSDD2's layout reads labels
INDEX = ".fetched.json"  # file that says which version of each file was fetched


class Listing(NamedTuple):
    """What lies below a URL: the file `system`, the `root` in it that the URL names, and the `names` of the images
    and tables there, each with its path below the root (`.` if it is the root itself)."""

    system: Any
    root: str
    names: Mapping[str, PurePosixPath]

    def places(self, folder: Path) -> dict[str, Path]:
        """Returns where each name belongs in a folder that stands for the root; that is the path `folder` itself
        if the root is a file."""
        return {name: folder / inside for name, inside in self.names.items()}


def local(data: str | Path) -> Path:
    """Returns a path as it is, and for a URL the folder or file to which its content was fetched."""
    return fetched(str(data)) if urls.is_url(data) else Path(data)


def fetched(url: str) -> Path:
    """Returns the folder (or file) in the user's cache with the images and tables below a URL.

    Files are fetched if they are missing in the cache or have changed behind the URL, and removed from the cache
    if they no longer exist there. Raises PsdlError if the file system is unknown or does not answer, and if there
    are no images or tables.
    """
    found = _listing(url)
    target = cache() / hashlib.sha256(url.encode()).hexdigest()[:16] / _named(found)
    here = found.places(target)
    keys = {name: str(found.system.ukey(name)) for name in found.names}
    index = target.parent / INDEX
    known = _known(index)
    missing = {name: path for name, path in here.items() if known.get(name) != keys[name] or not path.is_file()}
    _fetch(found.system, missing, url)
    with atomic_write(index) as temporary:
        temporary.write_text(json.dumps(keys), encoding="utf-8")
    if target.is_dir():
        _remove_others(target, here.values())
    return target


@contextmanager
def names(url: str) -> Iterator[Path]:
    """Gives, inside a `with` block, a folder like the one behind a URL, with its tables and the masks that label
    the images of KolektorSDD2, but with empty files for images; or an empty file if the URL is an image. Raises
    PsdlError like `fetched`."""
    found = _listing(url)
    with tempfile.TemporaryDirectory(prefix="psdl-names-") as folder:
        here = found.places(Path(folder) / _named(found))
        for name, path in here.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            if is_image(path) and not name.endswith(LABELS):
                path.touch()
        _fetch(found.system, {name: path for name, path in here.items() if not path.exists()}, url)
        yield Path(folder) / _named(found)


def _listing(url: str) -> Listing:
    """Returns the images and tables below a URL. Raises PsdlError like `fetched`, and if two names have the same
    path."""
    system, root = urls.located(url)
    with urls.asking(url):
        found = [root] if system.isfile(root) else system.find(root, detail=True)
    wanted = {name: urls.below(name, root, url) for name in found if _wanted(name)}
    if not wanted:
        raise PsdlError(f"{url} holds no image and no table: give the address of a folder of images")
    places = Counter(wanted.values())
    if doubled := next((name for name, place in wanted.items() if places[place] > 1), None):
        raise PsdlError(f"{url} lists {doubled!r} and another name of the same path: rename one of them there")
    return Listing(system, root, wanted)


def cache() -> Path:
    """Returns the folder in which fetched files are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "psdl" / "data"


def confined(samples: Sequence[Sample], root: Path, url: str) -> None:
    """Raises PsdlError if a sample or its mask lies outside `root`, the folder of what was fetched. Otherwise a
    table of a stranger would decide which files of this machine are read."""
    here = root.resolve()
    for sample in samples:
        masks = (sample.mask,) if isinstance(sample.mask, str) else sample.mask or ()
        for path in (sample.path, *masks):
            if not Path(path).resolve().is_relative_to(here):
                raise PsdlError(f"{url} names {path}, which lies outside of it: correct its table")


def _named(found: Listing) -> str:
    """Returns the last part of the root's path, which names the folder of the copy and so the category."""
    name = PurePosixPath(found.root).name
    return "data" if name in ("", "..", INDEX) else name


def _known(index: Path) -> dict[str, str]:
    """Returns what the index says of each file; nothing if it is missing or damaged."""
    try:
        found = json.loads(index.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _wanted(name: str) -> bool:
    """Returns whether a file is an image or a table, by its name."""
    path = Path(name)
    return is_image(path) or (path.suffix.lower() in TABLES and not path.name.startswith("."))


def _fetch(system: Any, wanted: Mapping[str, Path], url: str) -> None:
    """Fetches files to their places, several at a time. A file appears only when it is complete."""
    for folder in {path.parent for path in wanted.values()}:
        folder.mkdir(parents=True, exist_ok=True)

    def one(name: str) -> None:
        with atomic_write(wanted[name]) as temporary:
            system.get_file(name, str(temporary))

    with urls.asking(url), ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(one, wanted))


def _remove_others(folder: Path, kept: Iterable[Path]) -> None:
    """Removes all files below a folder but those `kept`, and folders that are empty then."""
    kept = set(kept)
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file() and path not in kept:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
