"""`psdl fit` on two worker processes: the same bytes as without, also when a worker is killed at a random moment.

python bench/cluster.py ../shared/data/mtd [--kills 10] [--recipe fast] [--out bench/results/cluster.json]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil


def fit(data: Path, recipe: str, model: Path, *more: str, kill: float | None = None) -> dict[str, Any]:
    """One fit; a worker is killed so many seconds after the workers are there."""
    command = [sys.executable, "-m", "psdl.cli.main", "fit", str(data), "--model", str(model), "--recipe", recipe]
    start = time.perf_counter()
    process = subprocess.Popen([*command, *more, "--quiet"])
    killed = False
    if kill is not None:
        time.sleep(3 + kill)
        children = psutil.Process(process.pid).children(recursive=True)
        workers = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
        if workers:
            random.choice(workers).kill()
            killed = True
    status = process.wait()
    digest = hashlib.sha256(model.read_bytes()).hexdigest() if status == 0 else ""
    return {"exit": status, "seconds": round(time.perf_counter() - start, 1), "sha256": digest, "killed": killed}


def main() -> None:
    """Prints and writes what was measured."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("data", type=Path)
    options.add_argument("--kills", type=int, default=10)
    options.add_argument("--recipe", default="fast")
    options.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "cluster.json")
    asked = options.parse_args()
    random.seed(0)
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "m.psdl"  # one name: it stands in the model
        alone = fit(asked.data, asked.recipe, model)
        workers = fit(asked.data, asked.recipe, model, "--cluster", "local:2")
        kills = []
        for _ in range(asked.kills):
            model.unlink(missing_ok=True)
            wait = random.uniform(0, workers["seconds"] - 5)
            kills.append(fit(asked.data, asked.recipe, model, "--cluster", "local:2", kill=wait))
            print(kills[-1], flush=True)
    found = {
        "cores": os.cpu_count(),
        "recipe": asked.recipe,
        "alone_s": alone["seconds"],
        "two_workers_s": workers["seconds"],
        "same_bytes": workers["sha256"] == alone["sha256"],
        "kills": sum(one["killed"] for one in kills),
        "same_bytes_after_a_kill": sum(one["sha256"] == alone["sha256"] for one in kills if one["killed"]),
    }
    print(json.dumps(found))
    asked.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
