"""The main job on real data: accuracy and time of every recipe, the start of a process, the pace of scoring.

    python bench/main.py ../shared/data            (a folder that holds mtd and kolektorsdd)

Prints tables and writes bench/results/main.json. Both sets are development sets: choices were made on them.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from psdl import Detector
from psdl.backbone.session import Session
from psdl.input import decode, preprocess

RECIPES = {
    "default": [],
    "fast": ["--recipe", "fast"],
    "paper, single layer3": ["--recipe", "paper", "--layer", "layer3"],
    "paper, multiple": ["--recipe", "paper", "--type", "multiple"],
    "padim": ["--recipe", "padim"],
    "patchcore": ["--recipe", "patchcore"],
}
SETS = ("mtd", "kolektorsdd")
KEYS = ("image_auroc", "pixel_auroc", "aupro")
RESULTS = Path(__file__).parent / "results"


def whole_job(data: Path, options: list[str], out: Path) -> dict[str, Any]:
    """`psdl run` as a process: metrics, seconds, the model's size."""
    command = [sys.executable, "-m", "psdl.cli.main", "run", str(data), "--out", str(out), "--quiet", *options]
    start = time.perf_counter()
    subprocess.run(command, check=True)
    seconds = time.perf_counter() - start
    mean = json.loads((out / "metrics.json").read_text())["mean"]
    size = (out / "model.psdl").stat().st_size / 1e6
    return {key: mean[key] for key in KEYS} | {"seconds": seconds, "model_mb": size}


def first_verdict(model: Path, picture: Path) -> dict[str, float]:
    """CPU and wall seconds of a fresh process that judges one image, the median of five."""
    command = [sys.executable, "-m", "psdl.cli.main", "predict", str(model), str(picture)]
    walls, cpus = [], []
    for _ in range(5):
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        walls.append(time.perf_counter() - start)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpus.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return {"cpu_s": float(np.median(cpus)), "wall_s": float(np.median(walls))}


def time_scoring(model: Path, picture: Path) -> dict[str, float]:
    """Milliseconds of scoring one decoded image, and of the backbone alone on it, in turn; medians of 50."""
    detector = Detector.load(model)
    threads = os.cpu_count() or 1
    pixels = decode.pixels(picture)
    session = Session(detector.model.network, threads=threads)
    inputs, _ = preprocess.to_input(pixels, detector.recipe.input)  # type: ignore[arg-type]
    tensor = preprocess.normalise(inputs[None], detector.model.network.mean, detector.model.network.std)
    whole, alone = [], []
    for _ in range(60):
        start = time.perf_counter()
        session.maps(tensor)
        middle = time.perf_counter()
        detector.score(pixels)
        whole.append(time.perf_counter() - middle)
        alone.append(middle - start)
    found = {"score_ms": float(np.median(whole[10:])) * 1e3, "backbone_ms": float(np.median(alone[10:])) * 1e3}
    return found | {"ratio": found["score_ms"] / found["backbone_ms"]}


def main() -> None:
    root = Path(sys.argv[1])
    rows: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, options in RECIPES.items():
            rows[name] = {}
            for data in SETS:
                out = Path(folder) / f"{name}-{data}"
                rows[name][data] = whole_job(root / data, options, out)
            model, picture = (
                Path(folder) / f"{name}-mtd/model.psdl",
                next((root / "mtd/MT_Free/Imgs").glob("*.jpg")),
            )
            rows[name]["first_verdict"] = first_verdict(model, picture)
            rows[name]["pace"] = time_scoring(model, picture)
    print("| recipe | " + " | ".join(SETS) + " | MTD, whole job | model | first verdict, CPU | score / backbone |")
    print("|---" * (len(SETS) + 5) + "|")
    for name, row in rows.items():
        cells = [" / ".join(f"{row[d][key]:.3f}".lstrip("0") for key in KEYS) for d in SETS]
        cells += [f"{row['mtd']['seconds']:.0f} s", f"{row['mtd']['model_mb']:.0f} MB"]
        cells += [f"{row['first_verdict']['cpu_s']:.2f} s"]
        cells += [f"{row['pace']['score_ms']:.1f} / {row['pace']['backbone_ms']:.1f} ms"]
        print(f"| {name} | " + " | ".join(cells) + " |")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "main.json").write_text(json.dumps({"cores": os.cpu_count(), "recipes": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
