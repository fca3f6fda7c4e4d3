"""Data on object stores and remote file systems, by fsspec: fetched once, and again where it has changed.

Files come to a folder of the user's cache, not straight into memory: layouts look at whole trees, and learning,
the survey and near-duplicates each read the images anew.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

from psdl import plugins
from psdl.data.files import is_image
from psdl.drafts import drafted
from psdl.errors import PsdlError

AT_ONCE = 16  # files fetched at a time
TABLES = (".csv", ".jsonl", ".txt", ".json")  # beside images, what layouts read
INDEX = ".fetched.json"  # what each file was on the other side when it was fetched


def is_url(data: str | Path) -> bool:
    """Whether data are named by a URL, such as s3://bucket/parts."""
    return "://" in str(data)


def local(data: str | Path) -> Path:
    """The path itself, or the folder or file that a URL's content was fetched to."""
    return fetched(str(data)) if is_url(data) else Path(data)


def fetched(url: str) -> Path:
    """Images and tables below a URL, in a folder of the user's cache: only what is not there yet or has changed on
    the other side comes over the network, and what is gone there is removed. Raises PsdlError where the file
    system is not known or does not answer, and where nothing is there."""
    plugins.extra("remote", "fsspec")
    import fsspec

    try:
        system, root = fsspec.core.url_to_fs(url)
        found = (
            {name: system.info(name) for name in [root]} if system.isfile(root) else system.find(root, detail=True)
        )
    except Exception as error:  # each file system raises its own
        raise _failed(url, error) from None
    wanted = {name: info for name, info in found.items() if _wanted(name)}
    if not wanted:
        raise PsdlError(f"{url} holds no image and no table: give the address of a folder of images")
    alone = list(wanted) == [root]
    target = cache() / hashlib.sha256(url.encode()).hexdigest()[:16] / (PurePosixPath(root).name or "data")
    here = {name: target if alone else target / PurePosixPath(name).relative_to(root) for name in wanted}
    keys = {name: str(system.ukey(name)) for name in wanted}
    _fetch(system, here, keys, target.parent / INDEX, url)
    if not alone:
        _remove_others(target, set(here.values()))
    return target


def cache() -> Path:
    """Where fetched files are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "psdl" / "data"


def _wanted(name: str) -> bool:
    path = Path(name)
    return is_image(path) or (path.suffix.lower() in TABLES and not path.name.startswith("."))


def _fetch(system: Any, here: dict[str, Path], keys: dict[str, str], index: Path, url: str) -> None:
    """Fetches the files that are missing or whose keys are others than in the index, each written beside its place
    and renamed; then writes the index."""
    known = json.loads(index.read_text(encoding="utf-8")) if index.is_file() else {}
    missing = [name for name, path in here.items() if known.get(name) != keys[name] or not path.is_file()]
    for folder in {here[name].parent for name in missing}:
        folder.mkdir(parents=True, exist_ok=True)

    def one(name: str) -> None:
        with drafted(here[name]) as draft:
            system.get_file(name, str(draft))

    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(one, missing))
    except Exception as error:  # each file system raises its own
        raise _failed(url, error) from None
    index.write_text(json.dumps(keys), encoding="utf-8")


def _remove_others(folder: Path, kept: Iterable[Path]) -> None:
    kept = set(kept)
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file() and path not in kept:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def _failed(url: str, error: Exception) -> PsdlError:
    line = " ".join(str(error).split())[:150] or type(error).__name__
    return PsdlError(f"{url} cannot be read ({line}): check the address, the rights and the network")
