"""Does the promise hold? Good images of real sets, split by group 50 times: how many the thresholds reject.

    python bench/coverage.py ../shared/data            (a folder that holds mtd and kolektorsdd)

Every good image is scored once, by a model that has not seen its item: the items are cut into two halves, each
judged by what the other taught. Then, 50 times, half of a half's items calibrate and the rest are judged. Second
table: what psdl does by itself, calibrated on its own held-out images and shown items it has never met, ten cuts.
Prints tables and writes bench/results/coverage.json. No defective image is used.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from psdl import Detector, read
from psdl.calibrate.thresholds import attainable, bound, largest, threshold_at
from psdl.types import F64, Sample

SETS, RATES, SPLITS, CUTS, SURE = ("mtd", "kolektorsdd"), (0.01, 0.05, 0.10), 50, 10, 0.95
RESULTS = Path(__file__).parent / "results"


def halves(good: list[Sample], rng: np.random.Generator) -> list[list[Sample]]:
    """The images of one half of the items, and those of the other."""
    groups = np.array(sorted({str(s.group) for s in good}))
    first = set(rng.permutation(groups)[: len(groups) // 2])
    return [[s for s in good if (str(s.group) in first) == inside] for inside in (True, False)]


def scored(good: list[Sample]) -> list[tuple[F64, Any]]:
    """For each half: its scores by the model of the other half, and the item of each picture."""
    pair = halves(good, np.random.default_rng(0))
    found = []
    for mine, others in (pair, pair[::-1]):
        detector = Detector().fit(others)
        scores = np.array([result.score for result in detector.results(mine)])
        found.append((scores, numbered(mine)))
    return found


def numbered(samples: list[Sample]) -> Any:
    """(N,) int32: the item of each sample, numbered."""
    return np.unique([str(s.group) for s in samples], return_inverse=True)[1].astype(np.int32)


def rejected(scores: F64, items: Any, known: Any, way: str, rate: float) -> dict[str, float]:
    """Thresholds from the items `known` (a mask over items) and what they reject of the others."""
    calibrating = known[items]
    own = np.unique(items[calibrating], return_inverse=True)[1].astype(np.int32)
    if way == "pictures":
        own = np.arange(len(own), dtype=np.int32)
    limit = threshold_at(scores[calibrating], own, rate, SURE if way == "sure" else 0.0)
    new, theirs = scores[~calibrating], np.unique(items[~calibrating], return_inverse=True)[1].astype(np.int32)
    weight = 1 / np.bincount(theirs)[theirs]
    pictures = float(((new > limit) * weight).sum() / weight.sum())
    return {
        "pictures": pictures,
        "items": float((largest(new, theirs) > limit).mean()),
        "known": int(own.max()) + 1,
        "new": int(theirs.max()) + 1,
    }


def by_chance(known: int, new: int, rate: float, promised: float) -> float:
    """How often the share of so few new items lies above what is promised where all is as it should be."""
    rng = np.random.default_rng(3)
    scores = rng.uniform(size=(20_000, known + new))
    limits = [bound(np.sort(row[:known]), rate, SURE) for row in scores]
    return float(((scores[:, known:] > np.array(limits)[:, None]).mean(axis=1) > promised).mean())


def splits(halved: list[tuple[F64, Any]]) -> list[dict[str, Any]]:
    rows = []
    for way in ("items", "pictures", "sure"):
        for rate in RATES:
            rng = np.random.default_rng(1)
            runs = []
            for n in range(SPLITS):
                scores, items = halved[n % 2]
                count = int(items.max()) + 1
                known = np.zeros(count, bool)
                known[rng.permutation(count)[: count // 2]] = True
                runs.append(rejected(scores, items, known, way, rate))
            shares = np.array([run["items" if way == "sure" else "pictures"] for run in runs])
            promised = attainable(min(run["known"] for run in runs), rate, SURE if way == "sure" else 0.0)
            few = min(runs, key=lambda run: run["known"])
            rows.append(
                {
                    "way": way,
                    "asked": rate,
                    "promised": float(promised),
                    "mean": float(shares.mean()),
                    "q95": float(np.quantile(shares, 0.95)),
                    "above": float((shares > promised).mean()),
                    "by_chance": by_chance(few["known"], few["new"], rate, promised) if way == "sure" else None,
                }
            )
    return rows


def itself(good: list[Sample]) -> list[dict[str, Any]]:
    """psdl as it is used: learned and calibrated on nine tenths of the items, shown the rest, each in turn."""
    groups = np.random.default_rng(2).permutation(sorted({str(s.group) for s in good}))
    totals: dict[float, list[float]] = {rate: [] for rate in RATES}
    promised = {}
    for part in np.array_split(groups, CUTS):
        new = [s for s in good if str(s.group) in set(part)]
        detector = Detector().fit([s for s in good if str(s.group) not in set(part)])
        scores, items = np.array([result.score for result in detector.results(new)]), numbered(new)
        for rate in RATES:
            known = detector.edit(false_reject=rate, review=0).model.calibration
            promised[rate] = attainable(known.groups, rate)
            weight = 1 / np.bincount(items)[items]
            totals[rate].append(float(((scores > known.threshold) * weight).sum() / weight.sum()))
    return [
        {"asked": rate, "promised": promised[rate], "mean": float(np.mean(t)), "cuts": t}
        for rate, t in totals.items()
    ]


def show(name: str, found: dict[str, Any]) -> None:
    print(f"\n{name}: {found['images']} good images of {found['items']} items")
    print("| counted by | asked | can promise | rejected, mean | 95th of 100 | splits above it | by chance |")
    print("|---|---|---|---|---|---|---|")
    for row in found["splits"]:
        words = {"items": "items", "pictures": "pictures (wrong)", "sure": f"items, {SURE:.0%} confidence"}[
            row["way"]
        ]
        cells = [f"{row[key]:.1%}" for key in ("asked", "promised", "mean", "q95")]
        chance = "" if row["by_chance"] is None else f"{row['by_chance']:.0%}"
        print(f"| {words} | {' | '.join(cells)} | {row['above']:.0%} | {chance} |")
    for row in found["itself"]:
        print(f"psdl itself, {row['asked']:.0%} asked, {row['promised']:.1%} promised: {row['mean']:.1%} rejected")


def main() -> None:
    out = {}
    for name in SETS:
        good = [s for s in read(Path(sys.argv[1]) / name).samples if s.label == 0]
        out[name] = {
            "images": len(good),
            "items": len({s.group for s in good}),
            "splits": splits(scored(good)),
            "itself": itself(good),
        }
        show(name, out[name])
    (RESULTS / "coverage.json").write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
