"""What aligning images is worth: real sets as they are, and turned and cut at random as Rd-MVTec is.

    python bench/align.py DATA... [--recipe fast] [--out bench/results/align.json]

For each set and each --align: image and pixel AUROC, AU-PRO 0.3, seconds of learning, milliseconds an image.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from psdl import Detector, FitOptions, read, recipe
from psdl.datasets.check import learning, testing
from psdl.datasets.formats.rd_mvtec import posed
from psdl.report.tables import Judged, summed

KEYS = ("image_auroc", "pixel_auroc", "aupro")


def measured(samples: Any, rule: Any, name: str, align: str) -> dict[str, Any]:
    """One set, one way to align."""
    good, test = learning(samples), testing(samples)
    start = time.perf_counter()
    detector = Detector(replace(recipe(name), input=rule), FitOptions(groups="given", align=align)).fit(good)
    learned = time.perf_counter()
    judged: Judged = list(zip(test, detector.results(test), strict=True))
    done = time.perf_counter()
    found = summed(judged)["mean"]
    return {
        "align": detector.alignment,
        **{key: round(found[key], 4) for key in KEYS},
        "fit_s": round(learned - start, 1),
        "image_ms": round(1000 * (done - learned) / len(test), 1),
    }


def main() -> None:
    """Prints and writes the table."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("data", nargs="+")
    options.add_argument("--recipe", default="fast")
    options.add_argument("--out", default="bench/results/align.json")
    asked = options.parse_args()
    rows = []
    for data in asked.data:
        found = read(data, published=True)
        disturbed = replace(found.rule, window=(224, 224), moving="nearest")
        for moved, rule in ((False, found.rule), (True, disturbed)):
            samples = tuple(map(posed, found.samples)) if moved else found.samples
            for align in ("none", "shift", "rigid", "auto"):
                row = measured(samples, rule, asked.recipe, align)
                rows.append({"data": Path(data).name, "disturbed": moved, "asked": align, **row})
                print(rows[-1], flush=True)
    Path(asked.out).write_text(json.dumps({"recipe": asked.recipe, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
