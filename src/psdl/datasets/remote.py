"""Data on object stores and remote file systems, by fsspec.

What is learned from or measured on is fetched to a folder of the user's cache, once, and again where it has
changed: learning, the survey and near-duplicates each read the images anew. What is only judged is read where it
lies, and of it the names alone are needed here, as layouts look at trees.
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
TABLES = (".csv", ".tsv", ".jsonl", ".txt", ".json", ".xml")  # beside images, what says something of them
LABELS = "_GT.png"  # ends the names of masks that KolektorSDD2's layout reads labels from
INDEX = ".fetched.json"  # what each file was on the other side when it was fetched


class Listing(NamedTuple):
    """system: the file system; root: the URL's path in it; names: of the images and tables below it, each with
    where it lies below the root (`.` if it is the root itself)."""

    system: Any
    root: str
    names: Mapping[str, PurePosixPath]

    def places(self, folder: Path) -> dict[str, Path]:
        """Where each name belongs in a folder that stands for the root; at its place if the root is a file."""
        return {name: folder / inside for name, inside in self.names.items()}


def local(data: str | Path) -> Path:
    """The path itself, or the folder or file that a URL's content was fetched to."""
    return fetched(str(data)) if urls.is_url(data) else Path(data)


def fetched(url: str) -> Path:
    """Images and tables below a URL, in a folder of the user's cache: only what is not there yet or has changed on
    the other side comes over the network, and what is gone there is removed. Raises PsdlError where the file
    system is not known or does not answer, and where nothing is there."""
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
    """For a while a folder like the one behind a URL, with its tables and with empty files for its images; or an
    empty file, if it is an image. Raises PsdlError like `fetched`."""
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
    """The images and tables below a URL. Raises PsdlError like `fetched`."""
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
    """Where fetched files are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "psdl" / "data"


def confined(samples: Sequence[Sample], root: Path, url: str) -> None:
    """Raises PsdlError where a table that was fetched names a file that was not: a stranger's table shall not say
    which files of this machine are read."""
    here = root.resolve()
    for sample in samples:
        masks = (sample.mask,) if isinstance(sample.mask, str) else sample.mask or ()
        for path in (sample.path, *masks):
            if not Path(path).resolve().is_relative_to(here):
                raise PsdlError(f"{url} names {path}, which lies outside of it: correct its table")


def _named(found: Listing) -> str:
    """The last step of the root's path, by which the copy's folder, and a category, is called."""
    name = PurePosixPath(found.root).name
    return "data" if name in ("", "..", INDEX) else name


def _known(index: Path) -> dict[str, str]:
    """What the index says of each file; nothing if it is not there or not whole."""
    try:
        found = json.loads(index.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _wanted(name: str) -> bool:
    path = Path(name)
    return is_image(path) or (path.suffix.lower() in TABLES and not path.name.startswith("."))


def _fetch(system: Any, wanted: Mapping[str, Path], url: str) -> None:
    """Fetches files, each written beside its place and renamed."""
    for folder in {path.parent for path in wanted.values()}:
        folder.mkdir(parents=True, exist_ok=True)

    def one(name: str) -> None:
        with atomic_write(wanted[name]) as temporary:
            system.get_file(name, str(temporary))

    with urls.asking(url), ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(one, wanted))


def _remove_others(folder: Path, kept: Iterable[Path]) -> None:
    kept = set(kept)
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file() and path not in kept:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
