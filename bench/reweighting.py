"""What the re-weighting of PatchCore's image score, which the recipe leaves out, would change.

    python bench/reweighting.py ../shared/data/mtd ../shared/data/kolektorsdd ../shared/data/cookie

Prints a table and writes bench/results/reweighting.json. The paper's image score (Roth et al., CVPR 2022, section
3.3) is the largest patch distance d* times 1 - exp(d*) / sum over b of exp(d_b): d_b are the distances of that
patch to the 9 nearest neighbours of its own nearest one in the coreset.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from psdl import Detector, read, recipe
from psdl.datasets import check
from psdl.features.extractor import Source
from psdl.measure.auroc import auroc
from psdl.measure.ranks import ranks

NEIGHBOURS = 9
RESULTS = Path(__file__).parent / "results"


def scores(detector: Detector, source: Source, bank: np.ndarray) -> tuple[float, float, float]:
    """Of one image: the recipe's score, the largest patch distance, and that re-weighted."""
    found = detector.extractor.extract(source)
    values = found.signals["patchcore"].values[0].astype(np.float64)
    squares = np.square(bank).sum(axis=1)
    away = np.square(values).sum(axis=1)[:, None] + squares - 2 * values @ bank.T
    patch = int(np.argmax(away.min(axis=1)))
    nearest = int(np.argmin(away[patch]))
    beside = np.argsort(squares + squares[nearest] - 2 * bank @ bank[nearest])[:NEIGHBOURS]
    distances = np.sqrt(np.maximum(away[patch], 0))
    largest = float(distances[nearest])
    share = 1 / np.exp(distances[beside] - largest).sum()
    return detector.score(source).score, largest, largest * (1 - float(share))


def measured(data: str, name: str) -> list[float]:
    """Image AUROC by each of the three scores."""
    known = read(data, published=True)
    good, test = check.learning(known.samples), check.testing(known.samples)
    detector = Detector(replace(recipe(name), input=known.rule)).fit(good)
    bank = detector.model.states["patchcore"].arrays["bank"].astype(np.float64)
    found = np.array([scores(detector, sample, bank) for sample in test])
    labels = np.array([sample.label for sample in test])
    return [round(auroc(ranks(column, labels)), 4) for column in found.T]


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("data", nargs="+")
    options.add_argument("--recipes", nargs="*", default=["patchcore-1", "patchcore", "patchcore-10"])
    asked = options.parse_args()
    rows: dict[str, dict[str, list[float]]] = {}
    print("| set | recipe | its score | largest patch distance | re-weighted |\n|---|---|---|---|---|")
    for data in asked.data:
        for name in asked.recipes:
            found = measured(data, name)
            rows.setdefault(Path(data).name, {})[name] = found
            print(f"| {Path(data).name} | {name} | {' | '.join(f'{value:.3f}' for value in found)} |", flush=True)
    (RESULTS / "reweighting.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
