"""Peak memory of `psdl fit` against what it says before it starts, on generated images.

    python bench/memory.py [--images 5000] [--recipe default] [--max-memory 3GB] [--out bench/results/memory.json]

Images are 256 x 256 pixels of noise that differs in scale and brightness, so that no two are near-duplicates.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SIDE = 256


def generate(folder: Path, images: int) -> None:
    """Writes good images as JPEG files."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for n in range(images):
        coarse = rng.normal(size=(8 + n % 24, 8 + n % 24, 3))
        small = Image.fromarray(np.clip(120 + 40 * coarse, 0, 255).astype(np.uint8))
        pixels = np.asarray(small.resize((SIDE, SIDE), Image.Resampling.BICUBIC), float)
        noisy = pixels + rng.normal(0, 8, pixels.shape)
        Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(folder / f"{n:05}.jpg", quality=90)


def fitted(data: Path, recipe: str, most: str) -> dict[str, Any]:
    """One fit in a process of its own: what it said, its peak resident memory, seconds."""
    command = [sys.executable, "-m", "psdl.cli.main", "fit", str(data), "--model", str(data.parent / "m.psdl")]
    command += ["--recipe", recipe, "--max-memory", most, "--groups", "given"]
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        said.seek(0)
        text = said.read()
    if status:
        raise SystemExit(text)
    return {
        "said": re.findall(r"estimated memory: .*", text)[0],
        "peak_gb": round(usage.ru_maxrss * 1024 / 1e9, 2),
        "seconds": round(time.perf_counter() - start),
    }


def main() -> None:
    """Prints and writes what was measured."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--images", type=int, nargs="+", default=[5000])
    options.add_argument("--recipe", nargs="+", default=["default"])
    options.add_argument("--max-memory", default="3GB")
    options.add_argument("--out", default="bench/results/memory.json")
    asked = options.parse_args()
    rows = []
    for images in asked.images:
        with tempfile.TemporaryDirectory() as folder:
            generate(Path(folder) / "good", images)
            for recipe in asked.recipe:
                row = fitted(Path(folder) / "good", recipe, asked.max_memory)
                rows.append({"images": images, "recipe": recipe, "max_memory": asked.max_memory, **row})
                print(rows[-1], flush=True)
    Path(asked.out).write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
