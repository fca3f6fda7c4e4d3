"""What is set for a whole process: for good only where the process is ours, not in one that uses the library."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from psdl._util import kernel_cache


@contextmanager
def environment(**values: str) -> Iterator[None]:
    """Environment variables for as long as a library loads that reads them then; afterwards as before."""
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
    """Settles what libraries read from the environment when they load; a command calls it first.

    ONNX Runtime from 1.28 on otherwise names the machine in a file and sends events to its maker. OpenCV otherwise
    starts a thread a core for each image, though images are worked on side by side already. numba gets a folder
    for compiled kernels where it would find none. What dask says of workers that end is no news: no work is lost. Pillow warns of
    large images, which are bounded by what memory there is (`input/room.py`).
    """
    os.environ.update(ORT_DISABLE_TELEMETRY="1", ORT_TELEMETRY_DISABLED="1")
    os.environ.setdefault("OPENCV_FOR_THREADS_NUM", "1")
    if os.name == "posix":
        kernel_cache.settle()
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", message="Image size .* could be decompression bomb")
