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
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from psdl._util.atomic import drafted
from psdl.datasets.files import is_image
from psdl.errors import PsdlError
from psdl.input import urls

AT_ONCE = 16  # files fetched at a time
TABLES = (".csv", ".jsonl", ".txt", ".json")  # beside images, what layouts read
LABELS = "_GT.png"  # ends the names of masks that KolektorSDD2's layout reads labels from
INDEX = ".fetched.json"  # what each file was on the other side when it was fetched


class Listing(NamedTuple):
    """system: the file system; root: the URL's path in it; names: of the images and tables below it."""

    system: Any
    root: str
    names: tuple[str, ...]

    def places(self, folder: Path) -> dict[str, Path]:
        """Where each name belongs in a folder that stands for the root; at its place if the root is a file."""
        if self.names == (self.root,):
            return {self.root: folder}
        return {name: folder / PurePosixPath(name).relative_to(self.root) for name in self.names}


def local(data: str | Path) -> Path:
    """The path itself, or the folder or file that a URL's content was fetched to."""
    return fetched(str(data)) if urls.is_url(data) else Path(data)


def fetched(url: str) -> Path:
    """Images and tables below a URL, in a folder of the user's cache: only what is not there yet or has changed on
    the other side comes over the network, and what is gone there is removed. Raises PsdlError where the file
    system is not known or does not answer, and where nothing is there."""
    found = listing(url)
    target = cache() / hashlib.sha256(url.encode()).hexdigest()[:16] / _named(found)
    here = found.places(target)
    keys = {name: str(found.system.ukey(name)) for name in found.names}
    index = target.parent / INDEX
    known = json.loads(index.read_text(encoding="utf-8")) if index.is_file() else {}
    missing = {name: path for name, path in here.items() if known.get(name) != keys[name] or not path.is_file()}
    _fetch(found.system, missing, url)
    index.write_text(json.dumps(keys), encoding="utf-8")
    if target.is_dir():
        _remove_others(target, here.values())
    return target


@contextmanager
def names(url: str) -> Iterator[Path]:
    """For a while a folder like the one behind a URL, with its tables and with empty files for its images; or an
    empty file, if it is an image. Raises PsdlError like `fetched`."""
    found = listing(url)
    with tempfile.TemporaryDirectory(prefix="psdl-names-") as folder:
        here = found.places(Path(folder) / _named(found))
        for name, path in here.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            if is_image(path) and not name.endswith(LABELS):
                path.touch()
        _fetch(found.system, {name: path for name, path in here.items() if not path.exists()}, url)
        yield Path(folder) / _named(found)


def listing(url: str) -> Listing:
    """The images and tables below a URL. Raises PsdlError like `fetched`."""
    system, root = urls.located(url)
    with urls.asking(url):
        found = [root] if system.isfile(root) else system.find(root, detail=True)
    wanted = tuple(name for name in found if _wanted(name))
    if not wanted:
        raise PsdlError(f"{url} holds no image and no table: give the address of a folder of images")
    return Listing(system, root, wanted)


def cache() -> Path:
    """Where fetched files are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "psdl" / "data"


def _named(found: Listing) -> str:
    return PurePosixPath(found.root).name or "data"


def _wanted(name: str) -> bool:
    path = Path(name)
    return is_image(path) or (path.suffix.lower() in TABLES and not path.name.startswith("."))


def _fetch(system: Any, wanted: Mapping[str, Path], url: str) -> None:
    """Fetches files, each written beside its place and renamed."""
    for folder in {path.parent for path in wanted.values()}:
        folder.mkdir(parents=True, exist_ok=True)

    def one(name: str) -> None:
        with drafted(wanted[name]) as draft:
            system.get_file(name, str(draft))

    with urls.asking(url), ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(one, wanted))


def _remove_others(folder: Path, kept: Iterable[Path]) -> None:
    kept = set(kept)
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file() and path not in kept:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
