"""What it costs to overlook that pictures show one item: MTD with its groups given, hidden and found.

    python bench/items.py DATA/mtd [--out bench/results/items.json]

For each: the items counted, how many good test pictures are rejected at a nominal 5 %, seconds of learning.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from psdl import Detector, FitOptions, read
from psdl.datasets.check import learning, testing

RATE = 0.05


def measured(root: str, recipe: str, how: str) -> dict[str, float]:
    """One way to treat groups: given as the data set says; hidden: each picture an item; found."""
    found = read(root, published=True)
    good = learning(found.samples)
    if how != "given":
        good = tuple(replace(sample, group=None) for sample in good)
    start = time.perf_counter()
    detector = Detector(recipe, FitOptions(groups="found" if how == "found" else "given"), false_reject=RATE).fit(
        good
    )
    seconds = time.perf_counter() - start
    test = [s for s in testing(found.samples) if s.label == 0]
    scores = np.array([result.score for result in detector.results([s.path for s in test])])
    calibration = detector.model.calibration
    return {
        "items": calibration.groups,
        "threshold": round(calibration.threshold, 4),
        "rejected_good": round(float((scores > calibration.threshold).mean()), 4),
        "seconds": round(seconds, 1),
    }


def main() -> None:
    """Prints and writes the table."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("data")
    options.add_argument("--recipe", default="fast")
    options.add_argument("--out", default="bench/results/items.json")
    asked = options.parse_args()
    rows = {how: measured(asked.data, asked.recipe, how) for how in ("given", "hidden", "found")}
    Path(asked.out).write_text(json.dumps({"recipe": asked.recipe, "rate": RATE, **rows}, indent=2) + "\n")
    for how, row in rows.items():
        print(how, *(f"{key} {value}" for key, value in row.items()))


if __name__ == "__main__":
    main()
