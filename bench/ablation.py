"""What each part of the default recipe earns: the recipe with one thing changed, on each data set.

    python bench/ablation.py ../shared/data/mtd ../shared/data/kolektorsdd ../shared/data/cookie

Prints a table and writes bench/results/ablation.json. Development sets: choices were made on them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from psdl import Detector, read
from psdl.datasets import check
from psdl.model import recipes
from psdl.report import tables
from psdl.types import Recipe

BASE = recipes.DEFAULT
KEYS = ("image_auroc", "pixel_auroc", "aupro", "aupro_05", "aupimo")
RESULTS = Path(__file__).parent / "results"


def only(name: str) -> Recipe:
    """One of the default's parts by itself."""
    return replace(BASE, parts=tuple(p for p in BASE.parts if p.name == name), explained=(), image_explained=())


def changed(**params: Any) -> Recipe:
    """The default with these parameters in every part."""
    return replace(BASE, parts=tuple(replace(p, params={**p.params, **params}) for p in BASE.parts))


BOUND = {"atoms": 64, "sparsity": 4, "whiten": 0.5}
VARIANTS = {
    "default": BASE,
    "coarse alone": only("coarse"),
    "fine alone": only("fine"),
    "not weighted": replace(BASE, explained=(), image_explained=()),
    "image scores of the map itself": replace(BASE, image_explained=()),
    "a dictionary at each position": replace(
        BASE, parts=tuple(replace(p, method="exemplars", params=BOUND) for p in BASE.parts)
    ),
    "not measured against unseen images": replace(
        BASE, explained=(), image_explained=(), parts=tuple(replace(p, unseen=False) for p in BASE.parts)
    ),
    "one atom": changed(sparsity=1),
    "twice the patches": changed(atoms=2048),
    "not whitened": changed(whiten=0.0),
    "image score: maximum": replace(BASE, image_score="max"),
}


def measured(data: str, recipe: Recipe) -> dict[str, float]:
    """Metrics of a model learned from the data set's good images."""
    found = read(data, published=True)
    good, test = check.learning(found.samples), check.testing(found.samples)
    detector = Detector(replace(recipe, input=found.rule)).fit(good)
    mean = tables.summed(list(zip(test, detector.results(test), strict=True)))["mean"]
    return {key: round(mean[key], 4) for key in KEYS}


def main(sets: Sequence[str]) -> None:
    names = [Path(data).name for data in sets]
    print(f"| | {' | '.join(names)} |\n|---{'|---' * len(sets)}|")
    rows: dict[str, dict[str, dict[str, float]]] = {}
    for name, recipe in VARIANTS.items():
        rows[name] = {key: measured(data, recipe) for key, data in zip(names, sets, strict=True)}
        shown = [" / ".join(f"{row[key]:.3f}" for key in KEYS[:3]) for row in rows[name].values()]
        print(f"| {name} | {' | '.join(shown)} |", flush=True)
        (RESULTS / "ablation.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
