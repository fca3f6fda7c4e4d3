"""How soon the monitor finds another lamp, and how often it cries wolf, on MTD's real exposures.

    python bench/drift.py ../shared/data/mtd [--recipe fast] [--out bench/results/drift.json]

Learned on the good training images of exposures 1 and 2, it is shown good test images of one exposure at a time,
in shuffles: how many of them raise an alarm, after how many images (the median), and which words come first.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from psdl import Detector
from psdl.datasets.read import read
from psdl.deploy.drift import DELTA, Monitor

LEARNED = ("1", "2")
SHUFFLES = {"1": 50, "2": 50, "1+2": 50}  # of exposures learned from; ten of the others
SOON = 60  # images


@dataclass(frozen=True)
class Shown:
    """What shuffles of one kind of images led to."""

    exposure: str
    images: int
    shuffles: int
    alarms: int
    soon: int
    median: float | None
    words: dict[str, int]


def exposure(name: str) -> str:
    found = re.search(r"exp(\d)", name)
    if not found:
        raise SystemExit(f"{name} names no exposure: give MTD's folder")
    return found[1]


def shown(detector: Detector, exposures: str, results: list[Any]) -> Shown:
    """The monitor's alarms over shuffles of judged images."""
    at, words = [], Counter[str]()
    shuffles = SHUFFLES.get(exposures, 10)
    for seed in range(shuffles):
        monitor = Monitor(detector.model)
        for n in np.random.default_rng(seed).permutation(len(results)):
            one = results[n]
            monitor.see(one.statistics, one.verdict.verdict, one.verdict.p_value)
        if monitor.alarms:
            at.append(monitor.alarms[0].image)
            words[monitor.alarms[0].word] += 1
    soon = sum(n <= SOON for n in at)
    return Shown(
        exposures, len(results), shuffles, len(at), soon, float(np.median(at)) if at else None, dict(words)
    )


def main() -> None:
    """Prints a table and writes what was measured."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("data")
    options.add_argument("--recipe", default="fast")
    options.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "drift.json")
    asked = options.parse_args()
    good = [s for s in read(asked.data).samples if s.label == 0]
    train = [s for s in good if s.split == "train" and exposure(s.name) in LEARNED]
    detector = Detector(asked.recipe).fit(train)
    rows = []
    for exposures in ("1+2", "1", "2", "3", "4", "5", "6"):
        test = [s for s in good if s.split == "test" and exposure(s.name) in exposures]
        rows.append(shown(detector, exposures, [r.without_map() for r in detector.results(test)]))
        print(rows[-1], flush=True)
    found = {"recipe": asked.recipe, "delta": DELTA, "learned": len(train), "shown": [vars(row) for row in rows]}
    asked.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
