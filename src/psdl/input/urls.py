"""Reads files behind URLs by fsspec, without local copies."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from psdl._util import plugins
from psdl.errors import PsdlError

BLOCK = 1 << 16  # bytes read at a time of a file that is only looked at


def is_url(path: Any) -> bool:
    """Returns whether `path` is a URL, such as s3://bucket/parts."""
    return isinstance(path, (str, Path)) and "://" in str(path)


def chained(url: str) -> bool:
    """Returns whether a URL leads from one file system into another, such as zip://::s3://bucket/parts.zip. The
    URLs of files below it do not begin with it."""
    return "::" in url


def content(url: str) -> bytes:
    """Returns the content of a file. Raises PsdlError if it does not exist or cannot be read."""
    system, path = located(url)
    with asking(url):
        return bytes(system.cat_file(path))


def peeked(url: str) -> BinaryIO:
    """Opens a file for reading; of a large file only the blocks that are read are transferred. Raises PsdlError
    like `content`."""
    system, path = located(url)
    with asking(url):
        if system.size(path) <= 2 * BLOCK:
            return io.BytesIO(system.cat_file(path))
        found: BinaryIO = system.open(path, "rb", block_size=BLOCK, cache_type="readahead")
        return found


def identity(url: str) -> str:
    """Returns a string that changes when the file changes; the file is not read. Raises PsdlError like
    `content`."""
    system, path = located(url)
    with asking(url):
        return str(system.ukey(path))


def below(name: str, root: str, url: str) -> PurePosixPath:
    """Returns the path below `root` of a file `name` that a file system lists, without empty and "." parts. All
    names from other machines become local paths here. `url` is the address in messages. Raises PsdlError if the
    name leads out of `root`, or if no path can have it."""
    start = root.strip("/")
    inside = name.strip("/")
    if start:
        same = inside == start or inside.startswith(start + "/")
        inside = inside[len(start) :] if same else f"../{inside}"
    steps = [step for step in inside.split("/") if step not in ("", ".")]
    climbs = any(".." in step.split("\\") for step in steps)
    if climbs or "\0" in name or (os.name == "nt" and any("\\" in step or ":" in step for step in steps)):
        raise PsdlError(f"{url} lists {name!r}, which leads out of it: rename or remove that file there")
    return PurePosixPath(*steps)


@contextmanager
def asking(url: str) -> Iterator[None]:
    """Turns every error of a file system inside the block into a PsdlError."""
    try:
        yield
    except FileNotFoundError:
        raise PsdlError(f"{url} is not there: check the address") from None
    except Exception as error:  # each file system raises its own
        line = " ".join(str(error).split())[:150] or type(error).__name__
        raise PsdlError(f"{url} cannot be read ({line}): check the address, the rights and the network") from None


def located(url: str) -> tuple[Any, str]:
    """Returns the file system of a URL and the path in it. All threads share one file system object, which caches
    listings. Raises PsdlError if fsspec is not installed or there is no such file system."""
    plugins.extra("remote", "fsspec")
    scheme, _, rest = url.partition("://")
    with asking(url):
        if chained(url):
            return _located(url)
        system, _ = _located(f"{scheme}://{rest.partition('/')[0]}")
        return system, str(system._strip_protocol(url))


@lru_cache(maxsize=16)
def _located(url: str) -> tuple[Any, str]:
    import fsspec

    system, path = fsspec.core.url_to_fs(url)
    return system, str(path)
