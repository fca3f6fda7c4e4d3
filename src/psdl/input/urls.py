"""Files behind URLs, by fsspec: read where they lie, kept nowhere."""

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
    """Whether it names a file or folder by a URL, such as s3://bucket/parts."""
    return isinstance(path, (str, Path)) and "://" in str(path)


def chained(url: str) -> bool:
    """Whether a URL leads through one file system into another, such as zip://::s3://bucket/parts.zip; what lies
    below it has no URL that begins like it."""
    return "::" in url


def content(url: str) -> bytes:
    """All bytes of a file. Raises PsdlError where it is not there or does not come."""
    system, path = located(url)
    with asking(url):
        return bytes(system.cat_file(path))


def peeked(url: str) -> BinaryIO:
    """The file, of which only the blocks that are read come. Raises PsdlError like `content`."""
    system, path = located(url)
    with asking(url):
        if system.size(path) <= 2 * BLOCK:
            return io.BytesIO(system.cat_file(path))
        found: BinaryIO = system.open(path, "rb", block_size=BLOCK, cache_type="readahead")
        return found


def identity(url: str) -> str:
    """What changes when the file does, without reading it. Raises PsdlError like `content`."""
    system, path = located(url)
    with asking(url):
        return str(system.ukey(path))


def below(name: str, root: str, url: str) -> PurePosixPath:
    """Where a name that a file system lists lies below the root that was asked for, without empty and `.` steps:
    the one way from the other side's names to paths here. Raises PsdlError on a name that leads elsewhere, or that
    no path can have."""
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
    """What a file system raises inside, in a sentence."""
    try:
        yield
    except FileNotFoundError:
        raise PsdlError(f"{url} is not there: check the address") from None
    except Exception as error:  # each file system raises its own
        line = " ".join(str(error).split())[:150] or type(error).__name__
        raise PsdlError(f"{url} cannot be read ({line}): check the address, the rights and the network") from None


def located(url: str) -> tuple[Any, str]:
    """The file system of a URL, one for all threads, which knows what it has listed; and the path in it. Raises
    PsdlError where there is none."""
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
