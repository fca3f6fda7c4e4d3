"""Settings of a whole process; only for processes of psdl's own, not for those that use the library."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from psdl._util import kernel_cache


@contextmanager
def environment(**values: str) -> Iterator[None]:
    """Sets environment variables for the block and restores them afterwards, for a library that reads them when it
    loads."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def own_process() -> None:
    """Sets what libraries read from the environment when they load; a command calls it first.

    ONNX Runtime from 1.28 on otherwise writes a file that identifies the machine and sends events to its maker.
    OpenCV otherwise starts a thread for each core and image, although images are worked on in parallel already.
    numba gets a folder for compiled kernels if it would find none. Dask's messages about workers that end are
    muted, since no work is lost. So is Pillow's warning of large images, which are limited by the available memory
    (`input/room.py`). Before its first kernel numba imports all of SciPy's linear algebra to see if there is a
    BLAS, which no kernel here calls; that takes a sixth of the time to a first verdict, and is left out.
    """
    os.environ.update(ORT_DISABLE_TELEMETRY="1", ORT_TELEMETRY_DISABLED="1")
    os.environ.setdefault("OPENCV_FOR_THREADS_NUM", "1")
    if os.name == "posix":
        kernel_cache.settle()
    sys.meta_path.insert(0, _NoBlas())
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", message="Image size .* could be decompression bomb")


class _NoBlas:
    """A finder of modules that tells numba, while it loads what its kernels may call, that SciPy has no BLAS."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Raises ModuleNotFoundError if numba asks for SciPy's linear algebra. Finds nothing itself."""
        loading = sys.modules.get("numba.np.arraymath")
        if name == "scipy.linalg" and loading is not None and not hasattr(loading, "_HAVE_BLAS"):
            raise ModuleNotFoundError(f"{name} is not needed by any kernel", name=name)
