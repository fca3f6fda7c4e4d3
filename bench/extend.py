"""A model that is extended against one learned from everything at once, on MTD's real exposures.

    python bench/extend.py ../shared/data/mtd [--recipes fast default] [--out bench/results/extend.json]

Learned from exposures 1 and 2, then extended by good training images of 3 to 6; image AUROC / pixel AUROC / AU-PRO
and the shares of images rejected, on test images of all exposures.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from pathlib import Path
from typing import Any

from psdl import Detector, Sample
from psdl.datasets.read import read
from psdl.report import tables
from psdl.workflows.extend import extended

KEYS = ("image_auroc", "pixel_auroc", "aupro", "rejected_good", "rejected_defective", "review_good")


def first(sample: Sample) -> bool:
    found = re.search(r"exp(\d)", sample.name)
    if not found:
        raise SystemExit(f"{sample.name} names no exposure: give MTD's folder")
    return found[1] in "12"


def measured(detector: Detector, test: list[Sample]) -> dict[str, float]:
    judged = list(zip(test, detector.results(test), strict=True))
    (row,) = tables.summed(judged)["categories"].values()
    return {key: round(row[key], 4) for key in KEYS}


def main() -> None:
    """Prints and writes what was measured."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("data")
    options.add_argument("--recipes", nargs="*", default=["fast", "default"])
    options.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "extend.json")
    asked = options.parse_args()
    samples = read(asked.data).samples
    good = [s for s in samples if s.label == 0 and s.split == "train"]
    test = [s for s in samples if s.split == "test"]
    rows: dict[str, Any] = {}
    for recipe in asked.recipes:
        old = Detector(recipe).fit([s for s in good if first(s)])
        start = time.perf_counter()
        new = extended(old, [s for s in good if not first(s)])
        seconds = time.perf_counter() - start
        whole = Detector(recipe).fit(good)
        found = {"exposures 1 and 2": old, "extended by 3 to 6": new, "all at once": whole}
        rows[recipe] = {name: measured(detector, test) for name, detector in found.items()} | {"extend_s": seconds}
        print(recipe, json.dumps(rows[recipe]), flush=True)
    asked.out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
