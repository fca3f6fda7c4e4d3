"""Settings of a whole process; only for processes of psdl's own, not for those that use the library."""

from __future__ import annotations

import logging
import os
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
    (`input/room.py`).
    """
    os.environ.update(ORT_DISABLE_TELEMETRY="1", ORT_TELEMETRY_DISABLED="1")
    os.environ.setdefault("OPENCV_FOR_THREADS_NUM", "1")
    if os.name == "posix":
        kernel_cache.settle()
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", message="Image size .* could be decompression bomb")
