"""One cell of the table: a method, a data set, a seed, in a process of its own, so that its memory is its own.

    python -m psdl.compare.cell DATA METHOD SEED

prints one JSON object as its last line.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from psdl._util.process import own_process
from psdl.api import Detector
from psdl.compare.methods import method
from psdl.datasets import check
from psdl.datasets.read import Found, read
from psdl.input import decode
from psdl.report import tables
from psdl.types import Sample

PACED = 40  # images that scoring is timed on, one at a time


def cell(data: str, name: str, seed: int) -> dict[str, Any]:
    """Metrics (means over categories), fit_s: seconds of learning, score_ms: the median of judging one decoded
    image on all cores, model_mb, peak_gb: of the process. Each category has a model of its own.

    Raises PsdlError on a data set without defective images.
    """
    found = read(data, published=True)
    good, test = check.learning(found.samples), check.testing(found.samples)
    judged: list[tuple[Sample, Any]] = []
    seconds, megabytes, paces = 0.0, 0.0, []
    for category in sorted({sample.category for sample in good}):
        detector, took = _fitted(name, seed, found, category)
        seconds += took
        megabytes += _size(detector)
        inside = [s for s in test if s.category == category]
        judged += zip(inside, detector.results(inside), strict=True)
        paces += _paces(detector, inside)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {
        **tables.summed(judged)["mean"],
        "fit_s": seconds,
        "score_ms": float(np.median(paces)),
        "model_mb": megabytes,
        "peak_gb": peak / 1e9,
        "images": [len(good), len(test)],
    }


def _fitted(name: str, seed: int, found: Found, category: str) -> tuple[Detector, float]:
    """A detector of one category, and the seconds of learning it."""
    inside = found._replace(samples=tuple(s for s in found.samples if s.category == category))
    start = time.perf_counter()
    detector = Detector(method(name, seed)).fit(inside)
    return detector, time.perf_counter() - start


def _size(detector: Detector) -> float:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.psdl"
        detector.save(file)
        return file.stat().st_size / 1e6


def _paces(detector: Detector, samples: Sequence[Sample]) -> list[float]:
    white = detector.recipe.input.white if detector.recipe.input else None
    found = []
    for sample in samples[:: max(1, len(samples) // PACED)]:
        pixels = decode.pixels(sample.path, white=white)
        start = time.perf_counter()
        detector.score(pixels)
        found.append(1e3 * (time.perf_counter() - start))
    return found


if __name__ == "__main__":
    own_process()
    print(json.dumps(cell(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
