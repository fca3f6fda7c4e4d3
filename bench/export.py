"""The exported graph against the library, on all test images: how far scores, maps and verdicts differ; the pace.

python bench/export.py ../shared/data/mtd [--recipes fast default] [--out bench/results/export.json]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from psdl import Detector
from psdl.datasets.read import read
from psdl.export.export import VERDICTS
from psdl.input import decode

PSDL = [sys.executable, "-m", "psdl.cli.main"]


def measured(data: Path, recipe: str, folder: Path) -> dict[str, Any]:
    """One model and its graph on the test images."""
    model, graph = folder / f"{recipe}.psdl", folder / f"{recipe}.onnx"
    subprocess.run([*PSDL, "fit", data, "--model", model, "--recipe", recipe, "--quiet"], check=True)
    subprocess.run([*PSDL, "export", model, "--onnx", graph, "--quiet"], check=True)
    detector, session = Detector.load(model), ort.InferenceSession(str(graph))
    scores, maps, values, verdicts, library, exported = [], [], [], 0, 0.0, 0.0
    test = [sample for sample in read(str(data)).samples if sample.split == "test"]
    for sample in test:
        pixels = decode.pixels(sample.path)
        start = time.perf_counter()
        known = detector.score(pixels)
        middle = time.perf_counter()
        found = dict(
            zip(("score", "p_value", "verdict", "map"), session.run(None, {"image": pixels}), strict=True)
        )
        library, exported = library + middle - start, exported + time.perf_counter() - middle
        scores.append(abs(float(found["score"]) - known.score))
        maps.append(float(np.nanmax(np.abs(found["map"] - known.input_map))))
        values.append(abs(float(found["p_value"]) - known.verdict.p_value))
        verdicts += VERDICTS[int(found["verdict"])] != known.verdict.verdict
    return {
        "images": len(test),
        "score_worst": max(scores),
        "score_99": float(np.quantile(scores, 0.99)),
        "scores_beyond_1e-4": sum(one > 1e-4 for one in scores),
        "map_worst": max(maps),
        "p_value_worst": max(values),
        "verdicts_that_differ": verdicts,
        "threshold": detector.model.calibration.threshold,
        "graph_mb": round(graph.stat().st_size / 1e6, 1),
        "library_ms": round(1e3 * library / len(test), 1),
        "graph_ms": round(1e3 * exported / len(test), 1),
    }


def main() -> None:
    """Prints and writes what was measured."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("data", type=Path)
    options.add_argument("--recipes", nargs="*", default=["fast", "default"])
    options.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "export.json")
    asked = options.parse_args()
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        for recipe in asked.recipes:
            rows[recipe] = measured(asked.data, recipe, Path(folder))
            print(recipe, json.dumps(rows[recipe]), flush=True)
    asked.out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
