"""Compilation of the library's kernels, and a cache for the compiled code.

numba's own cache has one index for all types that a function was compiled for. Two processes that write it at once
can leave an index that names the code of another type, which is then run. It also does not notice that a called
function has changed. Here every function and type has a file of its own. Its name and its first part state what it
was compiled from: types, processor, versions and all sources of the folder.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import llvmlite
import numba
from numba.core.caching import FunctionCache, IndexDataCacheFile

log = logging.getLogger(__name__)
HERE = Path(__file__).parent


def kernel(function: Callable[..., Any] | None = None, *, fastmath: bool | set[str] = False) -> Any:
    """Decorator that compiles a function with numba at its first call. The function runs without the interpreter's
    lock, and its code is cached on the disk.

    `fastmath` is as in `numba.njit`. If no cache folder can be written, every process compiles the function again.
    """
    if function is None:
        return lambda given: kernel(given, fastmath=fastmath)
    dispatcher = numba.njit(nogil=True, fastmath=fastmath)(function)
    try:
        dispatcher._cache = _Cache(function)
    except RuntimeError as e:
        log.info("%s is compiled in every process: %s", function.__name__, e)
    return dispatcher


class _Cache(FunctionCache):  # type: ignore[misc]  # numba has no types
    """numba's cache of a function, but with one file for each tuple of argument types."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        sources = _digest(HERE) + _digest(Path(function.__code__.co_filename).parent)
        self._cache_file = _Files(self._cache_path, self._impl.filename_base, sources)


class _Files(IndexDataCacheFile):  # type: ignore[misc]
    """Compiled code in one file for each key. A file is written under another name and then renamed, so that a
    reader finds all of it or none."""

    def load(self, key: Any) -> Any:
        try:
            written, code = self._load_data(self._name(key))
        except OSError:
            return None
        return code if written == self._described(key) else None

    def save(self, key: Any, data: Any) -> None:
        self._save_data(self._name(key), (self._described(key), data))

    def flush(self) -> None:
        for path in Path(self._cache_path).glob(f"{self._base}.*.nbc"):
            path.unlink(missing_ok=True)

    @property
    def _base(self) -> str:
        return str(self._index_name).removesuffix(".nbi")

    def _described(self, key: Any) -> str:
        return f"{self._source_stamp} {key!r}"

    def _name(self, key: Any) -> str:
        return f"{self._base}.{blake2b(self._described(key).encode(), digest_size=8).hexdigest()}.nbc"


@cache
def _digest(folder: Path) -> str:
    """Returns a digest of numba's and llvmlite's versions and of all sources in a folder and its subfolders."""
    found = blake2b(f"{numba.__version__} {llvmlite.__version__}".encode(), digest_size=16)
    for path in sorted(folder.rglob("*.py")):
        found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()
