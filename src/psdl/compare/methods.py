"""The methods that are compared: the recipes, and other ways to score the same signals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from psdl._util import plugins
from psdl.compare import linear
from psdl.methods.base import register
from psdl.model import recipes
from psdl.types import Part, Recipe

LINEAR = "linear"  # a method for this comparison, which no recipe of the library uses
register(LINEAR, linear)


def _alone(name: str, method: str, params: Mapping[str, Any]) -> Callable[[int], Recipe]:
    """Returns a function of the seed that gives the recipe `fast` with another method on the same signals."""

    def made(seed: int) -> Recipe:
        part: Part = replace(recipes.FAST.parts[0], name=name, method=method, params=params)
        return replace(recipes.FAST, name=name, parts=(part,), folds=3, seed=seed)

    return made


def _named(name: str, light: str | None = None) -> Callable[[int], Recipe]:
    return lambda seed: recipes.recipe(name, seed=seed, light=light)


PCA = {"kind": "pca", "kept": 0.95, "ridge": 0.0, "whiten": 0.5}
RIDGE = {"kind": "ridge", "kept": 0.0, "ridge": 0.1, "whiten": 0.5}
# name: what makes its recipe from a seed. Two baselines also see images as the default does, brought to one
# brightness. The last five see what `fast` sees and differ in how a signal is coded.
METHODS: dict[str, Callable[[int], Recipe]] = {
    **{name: _named(name) for name in ("default", "fast", "paper", "padim")},
    **{name: _named(name) for name in ("patchcore-1", "patchcore-5", "patchcore-10")},
    "padim-light": _named("padim", "match"),
    "patchcore-5-light": _named("patchcore-5", "match"),
    "nearest": _alone("nearest", "exemplars", {"atoms": 64, "sparsity": 1, "whiten": 0.5}),
    "pca": _alone("pca", LINEAR, {**PCA, "bound": True}),
    "pca-shared": _alone("pca-shared", LINEAR, {**PCA, "bound": False}),
    "ridge": _alone("ridge", LINEAR, {**RIDGE, "bound": True}),
    "omp-bound": _alone("omp-bound", "exemplars", {"atoms": 64, "sparsity": 4, "whiten": 0.5}),
}


ALIASES = {"patchcore": "patchcore-5", "psdl": "default"}


def method(name: str, seed: int) -> Recipe:
    """Returns the recipe of a compared method. Raises PsdlError on an unknown name."""
    name = ALIASES.get(name, name)
    if name not in METHODS:
        raise plugins.unknown("method", name, (*METHODS, *ALIASES))
    return METHODS[name](seed)
