"""Learns from images of good parts and finds what is wrong in new ones. Names are resolved on first use."""

import os
from importlib import import_module
from pathlib import Path
from typing import Any

from psdl._util import kernel_cache

if os.name == "posix":
    kernel_cache.settle(Path(__file__).parent)

__all__ = ["Detector", "PsdlError", "Recipe", "Result", "Sample", "Verdict", "read", "recipe"]

_HOMES = {
    "Detector": "psdl.api",
    "PsdlError": "psdl.errors",
    "Recipe": "psdl.types",
    "Result": "psdl.scoring.result",
    "Sample": "psdl.types",
    "Verdict": "psdl.types",
    "read": "psdl.datasets.read",
    "recipe": "psdl.model.recipes",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("psdl")
    if name not in _HOMES:
        raise AttributeError(f"module 'psdl' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
