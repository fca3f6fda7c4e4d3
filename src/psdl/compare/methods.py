"""What is compared: the recipes, and ways to score the same signals that others claim to be enough."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from psdl import plugins, recipes
from psdl.types import Part, Recipe


def _alone(name: str, method: str, params: Mapping[str, Any]) -> Callable[[int], Recipe]:
    """The recipe `fast` with another method on the same signals, measured against held-out images like it."""

    def made(seed: int) -> Recipe:
        part: Part = replace(recipes.FAST.parts[0], name=name, method=method, params=params)
        return replace(recipes.FAST, name=name, parts=(part,), unbind=False, seed=seed)

    return made


def _patchcore(share: float) -> Callable[[int], Recipe]:
    def made(seed: int) -> Recipe:
        base = recipes.recipe("patchcore", seed=seed)
        return replace(base, parts=(replace(base.parts[0], params={**base.parts[0].params, "share": share}),))

    return made


def _named(name: str) -> Callable[[int], Recipe]:
    return lambda seed: recipes.recipe(name, seed=seed)


def _lit(base: Callable[[int], Recipe]) -> Callable[[int], Recipe]:
    return lambda seed: replace(base(seed), light=recipes.LIGHT)


PCA = {"kind": "pca", "kept": 0.95, "ridge": 0.0, "whiten": 0.5}
RIDGE = {"kind": "ridge", "kept": 0.0, "ridge": 0.1, "whiten": 0.5}
# name: what makes its recipe from a seed. Two baselines also see images as the default does, brought to one
# brightness. The last five see what `fast` sees and differ in how a signal is coded.
METHODS: dict[str, Callable[[int], Recipe]] = {
    "default": _named("default"),
    "fast": _named("fast"),
    "paper": _named("paper"),
    "padim": _named("padim"),
    "patchcore-1": _patchcore(0.01),
    "patchcore-5": _patchcore(0.05),
    "patchcore-10": _patchcore(0.10),
    "padim-light": _lit(_named("padim")),
    "patchcore-5-light": _lit(_patchcore(0.05)),
    "nearest": _alone("nearest", "exemplars", {**recipes.NEAR, "sparsity": 1}),
    "pca": _alone("pca", "linear", {**PCA, "bound": True}),
    "pca-shared": _alone("pca-shared", "linear", {**PCA, "bound": False}),
    "ridge": _alone("ridge", "linear", {**RIDGE, "bound": True}),
    "omp-shared": _alone("omp-shared", "shared", {**recipes.SHARED, "whiten": 0.5}),
}


def method(name: str, seed: int) -> Recipe:
    """The recipe of a method that is compared. Raises PsdlError on a name that is none."""
    if name not in METHODS:
        raise plugins.unknown("method", name, METHODS)
    return METHODS[name](seed)
