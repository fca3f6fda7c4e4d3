"""Recipes: complete settings of a model, as values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypedDict, Unpack

from psdl._util import plugins
from psdl.backbone import tiling
from psdl.backbone.zoo import LAYERS, SECOND, quarters
from psdl.errors import PsdlError
from psdl.types import Network, Part, Recipe

# As published: K-SVD at each position of one layer (docs/recipes.md has what it reaches).
PAPER = Recipe(
    name="paper",
    arch="efficientnet_lite0",
    parts=(Part(name="layer3", taps=("layer3",), method="paper", params={"sparsity": 0.25, "rounds": 20}),),
    smoothing=4.0,
    image_score="max",
)

# Three branches of two networks. Their distances are standardised by held-out good images and summed with weights
# that depend on what each branch explains of these. Coarse detects defects as a whole, fine outlines small ones,
# deep tells whether there is one. Each has one dictionary of good patches for all positions; statistics say what
# is normal at a position, as far as good images show that positions matter. docs/accuracy.md has the contribution
# of each.
PATCHES: dict[str, Any] = {"learned": 0, "atoms": 1024, "sparsity": 2, "whiten": 0.5, "ridge": 0.1, "seed": 0}
BOTH = ("layer2", "layer3")
GRID: dict[str, Any] = {"grid": "shallowest", "square": False, "unseen": True}
COARSE = Part("coarse", BOTH, "shared", PATCHES, **GRID, pool=3, scale=0.75)
SHARP = tuple(SECOND + tap for tap in BOTH)  # a larger network, which tells small places better apart
FINE = Part("fine", SHARP, "shared", PATCHES, **GRID, scale=1.25, smoothing=1.5)  # outlines sharply
DEEP = Part("deep", ("layer4",), "shared", PATCHES, **GRID, pool=3, scale=0.75)
LIGHT = 85.0  # of 255; well below where the network saturates, see docs/accuracy.md
DEFAULT = Recipe(
    name="default",
    arch="efficientnet_lite0+lite2",
    parts=(COARSE, FINE, DEEP),
    smoothing=4.0,
    image_score="smooth-top",
    explained=(1.0, 25.0, 0.0),
    image_explained=(1.0, 5.0, 1.0),
    multiple=32,
    light=LIGHT,
    folds=20,
)

# One part, and one pass through the network, at three quarters of the size.
FAST = replace(
    DEFAULT, name="fast", arch="efficientnet_lite0", parts=(COARSE,), explained=(1.0,), image_explained=()
)

# A baseline: a Gaussian at each position.
PADIM = Recipe(
    name="padim",
    arch="efficientnet_lite0",
    parts=(
        Part(
            name="padim",
            taps=("layer1", "layer2", "layer3"),
            method="padim",
            params={"channels": 100, "seed": 0},
            grid="layer2",
            square=False,
        ),
    ),
)

# A baseline: the nearest of a coreset of good patches, with the image score re-weighted as in its paper.
PATCHCORE = Recipe(
    name="patchcore",
    arch="efficientnet_lite0",
    parts=(
        Part(
            name="patchcore",
            taps=BOTH,
            method="patchcore",
            params={"share": 0.05, "projection": 64, "seed": 0},
            pool=3,
            square=False,
        ),
    ),
)


def _coreset(percent: int) -> Recipe:
    """Returns the PatchCore recipe with a coreset of so many percent of the signals."""
    part = replace(PATCHCORE.parts[0], params={**PATCHCORE.parts[0].params, "share": percent / 100})
    return replace(PATCHCORE, name=f"patchcore-{percent}", parts=(part,))


RECIPES: dict[str, Recipe] = {
    r.name: r for r in (PAPER, DEFAULT, FAST, PADIM, PATCHCORE, _coreset(1), _coreset(10))
}
ALIASES = {"psdl": "default", "patchcore-5": "patchcore"}
LIGHTS = {"match": LIGHT, "keep": None}
SEEDED = ("shared", "padim", "patchcore")  # methods that use random numbers
MULTIPLE = ("layer1", "layer2", "layer3")


class RecipeSettings(TypedDict, total=False):
    """Settings that can replace a recipe's own; None keeps the recipe's value.

    - `arch` is the backbone.
    - `type` is "single" for one layer or "multiple" for layer1 to layer3 together (recipe paper only).
    - `layer` is the layer of `type` "single", layer3 by default (recipe paper only).
    - `sparsity` is T / F, above 0 and up to 1 (recipe paper only).
    - `iterations` is the number of K-SVD rounds (recipe paper only).
    - `folds` is the largest number of folds for held-out scores.
    - `seed` is the seed of the folds and of all random choices.
    - `tile` is the side of tiles in pixels, see `tiled`.
    - `light` is "match", which brings all images to one brightness so that a different lamp changes little, or
      "keep", which leaves them as they are.
    """

    arch: str | None
    type: str | None
    layer: str | None
    sparsity: float | None
    iterations: int | None
    folds: int | None
    seed: int | None
    tile: int | None
    light: str | None


def recipe(name: str | None = None, **settings: Unpack[RecipeSettings]) -> Recipe:
    """Returns the recipe `name` with the settings in place of its own, see `RecipeSettings`.

    `name` is one of RECIPES or ALIASES. None means "paper" if one of that recipe's own settings is given, and
    "default" otherwise. Raises PsdlError on unknown names, on values out of range, and on settings that the recipe
    does not have.
    """
    own = {key: settings.get(key) for key in ("type", "layer", "sparsity", "iterations")}
    given = [key for key, value in own.items() if value is not None]
    name = name or ("paper" if given else "default")
    name = ALIASES.get(name, name)
    if name not in RECIPES:
        raise plugins.unknown("recipe", name, RECIPES)
    base, light, tile = RECIPES[name], settings.get("light"), settings.get("tile")
    if name == "paper":
        base = replace(base, parts=(_paper(base.parts[0], settings),))
    elif given:
        raise PsdlError(f"`{given[0]}` is a setting of the recipe paper, not of {name}: add `recipe` paper")
    if light is not None and light not in LIGHTS:
        raise plugins.unknown("value of `light`", light, LIGHTS)
    seed, folds = settings.get("seed"), settings.get("folds")
    drawn = base.seed if seed is None else int(_within("seed", seed, -1, 2**63))
    parts = [replace(p, params={**p.params, "seed": drawn}) if p.method in SEEDED else p for p in base.parts]
    found = replace(
        base,
        arch=settings.get("arch") or base.arch,
        parts=tuple(parts),
        folds=base.folds if folds is None else int(_within("folds", folds, 1, 1000)),
        seed=drawn,
        light=base.light if light is None else LIGHTS[light],
    )
    return found if tile is None else tiled(found, tile)


def tiled(base: Recipe, tile: int) -> Recipe:
    """Returns the recipe for images so large that the network sees them in tiles of `tile` pixels a side.

    Raises PsdlError if the tile size is not valid, and if a branch's method stores something for each position,
    because so many positions would not fit into memory.
    """
    bound = [part.method for part in base.parts if part.method in ("paper", "padim", "exemplars")]
    if bound:
        raise PsdlError(
            f"`tile` was given with the recipe {base.name}, which learns each position by itself and would not fit"
            " into memory: use default, fast or patchcore"
        )
    multiple = math.lcm(base.multiple, tiling.ALIGN)
    return replace(base, tile=tiling.checked(tile), multiple=multiple)


def with_network(base: Recipe, weights: str | None) -> tuple[Recipe, Network]:
    """Returns the recipe adapted to its backbone (see `on_backbone`), and the network cut to the recipe's taps.

    `weights` is a weights file for backbones that are exported. Raises PsdlError like `graphs.network` and
    `on_backbone`.
    """
    from psdl.backbone.graphs import network, offered, with_cuts

    found = on_backbone(base, *offered(base.arch, weights))
    taps = tuple({tap: None for part in found.parts for tap in part.taps})
    cut = network(found.arch, taps, weights)
    return found, with_cuts(cut, passes(found, cut.taps).values())


def passes(recipe: Recipe, taps: Sequence[str]) -> dict[float, tuple[str, ...]]:
    """Returns the passes through the network that a recipe needs: {scale: taps}, smallest scale first.

    `taps` are the network's taps, in whose order those of a pass are.
    """
    wanted: dict[float, set[str]] = {part.scale: set() for part in sorted(recipe.parts, key=lambda one: one.scale)}
    for part in recipe.parts:
        wanted[part.scale] |= set(part.taps)
    return {scale: tuple(tap for tap in taps if tap in some) for scale, some in wanted.items()}


def on_backbone(base: Recipe, taps: tuple[str, ...], patch: int | None) -> Recipe:
    """Returns the recipe adapted to a backbone that offers `taps`, in the order of depth.

    Where a recipe names a layer of the second network of a pair, and the backbone is no such pair, the backbone's
    own layer of that name takes its place.

    If the backbone has none of the recipe's taps, and these are among layer1 to layer4, they are replaced by the
    taps at the quarters of its depth; a branch lists each of them once. `patch` is the side of a transformer's
    patches in pixels, or None; the sides of the network's input become multiples of it. Raises PsdlError if a
    recipe with tiles meets a transformer, because tiles are cut for convolutions.
    """
    if patch and base.tile:
        raise PsdlError("`tile` needs a convolutional network, but this one sees patches: leave `tile` out")
    base = replace(base, parts=tuple(replace(p, taps=_of_one(p.taps, taps)) for p in base.parts))
    wanted = {tap for part in base.parts for tap in part.taps}
    if not wanted & set(taps) and wanted <= set(LAYERS):
        found = quarters(taps)
        parts = [
            replace(p, taps=tuple({found[t]: None for t in p.taps}), grid=found.get(p.grid, p.grid))
            for p in base.parts
        ]
        base = replace(base, parts=tuple(parts))
    return replace(base, multiple=patch) if patch else base


def _of_one(wanted: Sequence[str], taps: Sequence[str]) -> tuple[str, ...]:
    """Returns the taps `wanted`, those of a pair's second network by their own names if `taps` lack them."""
    return tuple(tap if tap in taps else tap.removeprefix(SECOND) for tap in wanted)


def _paper(part: Part, settings: RecipeSettings) -> Part:
    """Returns the branch of the recipe paper with these settings; raises PsdlError on values out of range."""
    kind, layer = settings.get("type") or "single", settings.get("layer")
    sparsity, iterations = settings.get("sparsity"), settings.get("iterations")
    if kind not in ("single", "multiple"):
        raise plugins.unknown("type", kind, ("single", "multiple"))
    if kind == "multiple" and layer:
        raise PsdlError(
            f"`layer` {layer} was given with `type` multiple, which takes layer1 to layer3: leave one out"
        )
    taps = MULTIPLE if kind == "multiple" else (layer or "layer3",)
    params: dict[str, Any] = dict(part.params)
    if sparsity is not None:
        params["sparsity"] = _within("sparsity", sparsity, 0, 1)
    if iterations is not None:
        params["rounds"] = int(_within("iterations", iterations, 0, 10_000))
    return replace(part, name=taps[0] if len(taps) == 1 else "multiple", taps=taps, params=params)


def _within(name: str, value: float, above: float, most: float) -> float:
    """Returns a value if it is above `above` and at most `most`; raises PsdlError otherwise."""
    if not above < value <= most:
        raise PsdlError(f"{name} is {value}: give a value above {above} and up to {most}")
    return value
