"""Recipes: complete settings as values. What each reaches stands beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from psdl import plugins
from psdl.errors import PsdlError
from psdl.types import Part, Recipe

# MTD, split by group, efficientnet_lite0, two cores. single, layer3: image AUROC .806, pixel .721, AU-PRO .719.
# multiple: .819 / .735 / .729. A development set: see docs/results.md.
PAPER = Recipe(
    name="paper",
    arch="efficientnet_lite0",
    parts=(Part(name="layer3", taps=("layer3",), method="paper", params={"sparsity": 0.25, "rounds": 20}),),
    smoothing=4.0,
    image_score="max",
)

RECIPES: dict[str, Recipe] = {r.name: r for r in (PAPER,)}
MULTIPLE = ("layer1", "layer2", "layer3")


def recipe(
    name: str = "paper",
    *,
    arch: str | None = None,
    type: str = "single",  # noqa: A002 the paper's reference calls it so
    layer: str | None = None,
    sparsity: float | None = None,
    iterations: int | None = None,
    folds: int | None = None,
    seed: int | None = None,
) -> Recipe:
    """The recipe `name` with what is given put in its place. Raises PsdlError on values out of range.

    type: "single" takes one layer, `layer` (layer3 if not given); "multiple" takes layer1 to layer3.
    sparsity: T / F in (0, 1]; iterations: rounds of K-SVD; folds: for unseen scores; seed: of the folds.
    """
    if name not in RECIPES:
        raise plugins.unknown("recipe", name, RECIPES)
    base = RECIPES[name]
    if type not in ("single", "multiple"):
        raise plugins.unknown("type", type, ("single", "multiple"))
    if type == "multiple" and layer:
        raise PsdlError(
            f"--layer {layer} was given with --type multiple, which takes layer1 to layer3: leave one out"
        )
    taps = MULTIPLE if type == "multiple" else (layer or "layer3",)
    params: dict[str, Any] = dict(base.parts[0].params)
    if sparsity is not None:
        params["sparsity"] = _within("sparsity", sparsity, 0, 1)
    if iterations is not None:
        params["rounds"] = int(_within("iterations", iterations, 0, 10_000))
    part = replace(base.parts[0], name=taps[0] if len(taps) == 1 else "multiple", taps=taps, params=params)
    return replace(
        base,
        arch=arch or base.arch,
        parts=(part,),
        folds=base.folds if folds is None else int(_within("folds", folds, 1, 1000)),
        seed=base.seed if seed is None else int(_within("seed", seed, -1, 2**63)),
    )


def _within(name: str, value: float, above: float, most: float) -> float:
    if not above < value <= most:
        raise PsdlError(f"{name} is {value}: give a value above {above} and up to {most}")
    return value


def from_card(card: Mapping[str, Any]) -> Recipe:
    """A recipe from its JSON form (`dataclasses.asdict`, tuples as lists)."""
    from psdl.types import InputRule

    values = dict(card)
    values["parts"] = tuple(Part(**{**p, "taps": tuple(p["taps"])}) for p in card["parts"])
    if card["input"]:
        rule: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in card["input"].items()}
        values["input"] = InputRule(**rule)
    return Recipe(**values)
