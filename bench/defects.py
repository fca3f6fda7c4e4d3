"""What known defects earn: found at the promised rates before and after, on the development sets.

    python bench/defects.py ../shared/data mtd kolektorsdd cookie casting --cache FOLDER

Each set is learned once (its model and what it says of the test images stay in the cache). Then, draw after draw,
some defects of distinct items become known, every image of theirs leaves the test, and the rest is judged before
and after. Writes bench/results/defects.json and prints the table of docs/defects.md. All are development sets.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from psdl import Detector
from psdl.calibrate.thresholds import rescored
from psdl.datasets import check
from psdl.datasets.read import read
from psdl.errors import PsdlError
from psdl.features.extractor import origin
from psdl.measure.auroc import auroc
from psdl.measure.ranks import ranks
from psdl.model.known import Known
from psdl.model.model import Model
from psdl.scoring.known import known_score
from psdl.training.copies import groups_of
from psdl.training.defects import learn_known
from psdl.types import Origin

RATES = {"1": 0.01, "5": 0.05}
OUT = Path(__file__).parent / "results" / "defects.json"


def learned(data: Path, name: str, cache: Path) -> tuple[Model, dict[str, Any]]:
    """The set's model, and what it says of the test images, from the cache if they are there."""
    file, said = cache / f"{data.name}-{name}.psdl", cache / f"{data.name}-{name}.npz"
    found = read(data)
    test = check.testing(found.samples)
    if not said.is_file():
        if not file.is_file():
            Detector(name).fit(found).save(file)
        detector = Detector.load(file)
        results = list(detector.results(test, averages=True))
        np.savez(
            said,
            anomaly=[one.anomaly for one in results],
            averages=np.array([one.averages for one in results], np.float16),
            look=np.array([one.statistics for one in results]),
            digest=[origin(sample, 0).sha256 for sample in test],
            label=[int(sample.label or 0) for sample in test],
            kind=[sample.kind for sample in test],
            group=groups_of(test),
        )
    with np.load(said) as arrays:
        return Detector.load(file).model, dict(arrays)


def draw(model: Model, test: dict[str, Any], known: int, seed: int) -> dict[str, Any]:
    """Before and after on what is left of the test, with so many known defects of distinct items."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(np.flatnonzero(test["label"]))
    _, first = np.unique(test["group"][order], return_index=True)
    chosen = order[np.sort(first)][:known]
    left = np.isin(test["group"], test["group"][chosen], invert=True) | (test["label"] == 0)
    known = Known(
        anomaly=test["anomaly"][chosen],
        averages=test["averages"][chosen],
        image_statistics=test["look"][chosen, :2].astype(np.float32),
        items=np.arange(len(chosen), dtype=np.int32),
        kinds=tuple(map(str, test["kind"][chosen])),
        images=tuple(Origin(str(n), str(test["digest"][n])) for n in chosen),
    )
    start = time.perf_counter()
    after, lesson = learn_known(model, known)
    took = time.perf_counter() - start
    bad = test["label"][left] == 1
    plain = test["anomaly"][left]
    joint = plain
    if after.classifier is not None:
        joint = np.maximum(plain, known_score(plain, test["averages"][left], after.classifier))
    return {
        "before": figures(rescored(model.calibration, model.calibration.anomaly), plain, bad),
        "after": figures(after.calibration, joint, bad),
        "used": lesson.used,
        "sessions": dict(lesson.sessions),
        "left_out": lesson.found.words(),
        "seconds": took,
    }


def figures(calibration: Any, scores: Any, bad: Any) -> dict[str, float]:
    """AUROC, and for each rate: found and falsely rejected by the product's threshold, and found by a threshold
    that the test's good images set together with those held out (an oracle, steadier than the test alone)."""
    found = {"auroc": auroc(ranks(scores, bad))}
    pool = np.concatenate([calibration.scores, scores[~bad]])
    limits = {"1": calibration.threshold, "5": calibration.review_threshold}
    for name, rate in RATES.items():
        found[f"found_{name}"] = float(np.mean(scores[bad] > limits[name]))
        found[f"false_{name}"] = float(np.mean(scores[~bad] > limits[name]))
        found[f"pool_{name}"] = float(np.mean(scores[bad] > np.quantile(pool, 1 - rate, method="higher")))
    return found


def mean(rows: list[dict[str, Any]], side: str) -> dict[str, float]:
    return {key: float(np.mean([row[side][key] for row in rows])) for key in rows[0][side]}


def shown(row: dict[str, float]) -> str:
    conf = " / ".join(f"{100 * row[f'found_{n}']:.0f} ({100 * row[f'false_{n}']:.1f})" for n in RATES)
    pool = " / ".join(f"{100 * row[f'pool_{n}']:.0f}" for n in RATES)
    return f"{100 * row['auroc']:.1f} | {pool} | {conf}"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("data", type=Path)
    arguments.add_argument("sets", nargs="+")
    arguments.add_argument("--cache", type=Path, required=True)
    arguments.add_argument("--recipe", default="default")
    arguments.add_argument("--known", type=int, nargs="+", default=[10])
    arguments.add_argument("--draws", type=int, default=6)
    given = arguments.parse_args()
    given.cache.mkdir(parents=True, exist_ok=True)
    kept = json.loads(OUT.read_text()) if OUT.is_file() else {}
    print("| set | known | AUROC | pool | own threshold (false rejects) |\n|---|---|---|---|---|")
    for name in given.sets:
        model, test = learned(given.data / name, given.recipe, given.cache)
        for known in given.known:
            try:
                rows = [draw(model, test, known, seed) for seed in range(given.draws)]
            except PsdlError as error:
                print(f"| {name} | {known} | refused: {error} |")
                continue
            before, after = mean(rows, "before"), mean(rows, "after")
            used = sum(row["used"] for row in rows)
            print(f"| {name} | - | {shown(before)} |")
            print(f"| {name} | {known} | {shown(after)} | used in {used} of {len(rows)}", flush=True)
            kept[f"{name} {given.recipe} {known}"] = {"before": before, "after": after, "draws": rows}
    OUT.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
