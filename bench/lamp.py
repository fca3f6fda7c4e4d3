"""A new lamp, for real: learned on two exposures of MTD, judged under two others, calibrated anew, judged again.

    python bench/lamp.py ../shared/data/mtd

Prints a table and writes bench/results/lamp.json. Good tiles only; no tile stands on both sides of a line.
"""

from __future__ import annotations

import json
import random
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from psdl import Detector, read
from psdl.calibrate.thresholds import alike
from psdl.types import Sample

LEARNED, NEW, CALIBRATED, RATE, SEEDS = (1, 2), (5, 6), 60, 0.05, 5
RESULTS = Path(__file__).parent / "results"


def exposure(sample: Sample) -> int:
    """The number that a file's name gives."""
    return int(re.search(r"exp(\d)", sample.name)[1])  # type: ignore[index]


def once(detector: Detector, new: list[Sample], seed: int) -> dict[str, Any]:
    """What the old thresholds do to new good tiles, and what thresholds set on some of them do to the rest."""
    groups = sorted({str(s.group) for s in new})
    random.Random(seed).shuffle(groups)
    place = {group: i for i, group in enumerate(groups)}
    ordered = sorted(new, key=lambda s: place[str(s.group)])
    last = str(ordered[CALIBRATED - 1].group)
    shown = [replace(s, split="train") for s in ordered if place[str(s.group)] <= place[last]]
    rest = [s for s in ordered if place[str(s.group)] > place[last]]
    old = detector.model.calibration
    detector.calibrate(shown)
    known = detector.model.calibration
    scores = np.array([result.score for result in detector.results(rest)])
    return {
        "shown": len(shown),
        "rest": len(rest),
        "rank_test_p": alike(old, known),
        "rejected_before": float((scores > old.threshold).mean()),
        "rejected_after": float((scores > known.threshold).mean()),
    }


def main() -> None:
    good = [s for s in read(sys.argv[1]).samples if s.label == 0]
    learned = [s for s in good if exposure(s) in LEARNED and s.split == "train"]
    seen = {s.group for s in learned}
    new = [s for s in good if exposure(s) in NEW and s.group not in seen]
    detector = Detector(false_reject=RATE).fit(learned)
    file = RESULTS / "lamp.psdl"
    detector.save(file)
    rows = [once(Detector.load(file), new, seed) for seed in range(SEEDS)]
    file.unlink()
    print(f"learned on {len(learned)} tiles under exposures {LEARNED}, {RATE:.0%} asked for; new: exposures {NEW}")
    print("| seed | calibrated on | judged | rank test, p | rejected before | rejected after |")
    print("|---|---|---|---|---|---|")
    for seed, row in enumerate(rows):
        shares = f"{row['rejected_before']:.1%} | {row['rejected_after']:.1%}"
        print(f"| {seed} | {row['shown']} | {row['rest']} | {row['rank_test_p']:.1g} | {shares} |")
    (RESULTS / "lamp.json").write_text(json.dumps({"rate": RATE, "seeds": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
