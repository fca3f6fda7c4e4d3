"""Two things that go wrong on real lines, on real images: another lamp, and bad images among the good ones.

    python bench/robust.py ../shared/data/mtd [--method default --method fast ...]

Lamp: learned on exposures 1 and 2 of MTD, or on all of them, judged on the test images of exposure 6. Planted: 2
and 5 % of the images learned from are defective ones, drawn by item; the items are left out of the test for both
models. Prints tables and writes bench/results/robust.json. MTD is a development set: choices were made on it.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lamp import exposure
from psdl import Detector, read
from psdl.compare.methods import method
from psdl.datasets import check
from psdl.report import tables
from psdl.types import InputRule, Sample

LAMP, OTHER, SHARES = (1, 2), 6, (0.02, 0.05)
KEYS = ("image_auroc", "pixel_auroc", "aupro")
RESULTS = Path(__file__).parent / "results"


def fitted(name: str, rule: InputRule, good: Sequence[Sample]) -> Detector:
    recipe = method(name, 0)
    return Detector(replace(recipe, input=recipe.input or rule)).fit(good)


def measured(detector: Detector, test: Sequence[Sample]) -> dict[str, float]:
    mean = tables.summed(list(zip(test, detector.results(test), strict=True)))["mean"]
    return {key: round(mean[key], 4) for key in KEYS}


def lamp(
    name: str, rule: InputRule, clean: Detector, good: Sequence[Sample], test: Sequence[Sample]
) -> dict[str, Any]:
    """What a model of two exposures, and `clean`, that of all, make of a third."""
    few = [sample for sample in good if exposure(sample) in LAMP]
    shown = [sample for sample in test if exposure(sample) == OTHER]
    return {"two": measured(fitted(name, rule, few), shown), "all": measured(clean, shown)}


def planted(
    name: str, rule: InputRule, clean: Detector, good: Sequence[Sample], test: Sequence[Sample], share: float
) -> dict[str, Any]:
    """What bad images among the good ones cost, and whether they are among those shown as suspects."""
    items: dict[str, list[Sample]] = {}
    for sample in test:
        if sample.label:
            items.setdefault(str(sample.group), []).append(sample)
    names = sorted(items)
    random.Random(0).shuffle(names)
    wanted, bad = round(share * len(good)), list[Sample]()
    while len(bad) < wanted:
        bad += items[names.pop()][: wanted - len(bad)]
    left = [s for s in test if not s.label or str(s.group) in names]
    mixed = [*good, *(replace(s, label=0, split="train", mask=None) for s in bad)]
    detector = fitted(name, rule, mixed)
    suspects = {sample.name for sample, _ in detector.strangest}
    found = sum(s.name in suspects for s in bad)
    kinds = {kind: sum(s.kind == kind for s in bad) for kind in sorted({s.kind for s in bad})}
    return {
        "planted": len(bad),
        "kinds": kinds,
        "among_suspects": found,
        "suspects": len(suspects),
        "clean": measured(clean, left),
        "mixed": measured(detector, left),
    }


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("data")
    options.add_argument("--method", action="append")
    asked = options.parse_args()
    found = read(asked.data)
    good, test = check.learning(found.samples), check.testing(found.samples)
    rows: dict[str, dict[str, Any]] = {}
    for name in asked.method or ["default", "fast", "padim", "patchcore-5"]:
        known = name, found.rule, fitted(name, found.rule, good), good, test
        rows[name] = {"lamp": lamp(*known)} | {f"{share:.0%}": planted(*known, share) for share in SHARES}
        print(name, json.dumps(rows[name]), flush=True)
    print(f"\n| method | learned on exposures {LAMP}, judged under {OTHER} | on all | loss, image AUROC |")
    print("|---|---|---|---|")
    for name, row in rows.items():
        two, whole = row["lamp"]["two"], row["lamp"]["all"]
        print(f"| {name} | {shown(two)} | {shown(whole)} | {whole['image_auroc'] - two['image_auroc']:.3f} |")
    print("\n| method | planted | clean | with them | among the suspects |\n|---|---|---|---|---|")
    for name, row in rows.items():
        for share in SHARES:
            one = row[f"{share:.0%}"]
            hit = f"{one['among_suspects']} of {one['planted']}"
            print(f"| {name} | {share:.0%} | {shown(one['clean'])} | {shown(one['mixed'])} | {hit} |")
    (RESULTS / "robust.json").write_text(json.dumps(rows, indent=1) + "\n")


def shown(metrics: dict[str, float]) -> str:
    return " / ".join(f"{metrics[key]:.3f}".lstrip("0") for key in KEYS)


if __name__ == "__main__":
    main()
