"""Learns from images of good parts and finds what is wrong in new ones. Names are resolved on first use."""

from importlib import import_module
from typing import Any

__all__ = [
    "Detector",
    "FitOptions",
    "PsdlError",
    "Recipe",
    "Result",
    "RunContext",
    "Sample",
    "Verdict",
    "read",
    "recipe",
]

_HOMES = {
    "Detector": "psdl.api",
    "FitOptions": "psdl.training.options",
    "PsdlError": "psdl.errors",
    "Recipe": "psdl.types",
    "Result": "psdl.scoring.result",
    "RunContext": "psdl.jobs.context",
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
