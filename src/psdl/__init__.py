"""Learns from images of good parts and finds what is wrong in new ones. Names are resolved on first use."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psdl.api import Detector
    from psdl.datasets.read import read
    from psdl.errors import PsdlError
    from psdl.jobs.context import RunContext
    from psdl.model.recipes import recipe
    from psdl.scoring.result import Result
    from psdl.scoring.results import Results
    from psdl.training.options import FitOptions
    from psdl.types import Recipe, Sample, Verdict

__all__ = [
    "Detector",
    "FitOptions",
    "PsdlError",
    "Recipe",
    "Result",
    "Results",
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
    "Results": "psdl.scoring.results",
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


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
