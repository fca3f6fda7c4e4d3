"""Results -> images.csv and metrics.json."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from psdl import image
from psdl.measure.metrics import mean, metrics
from psdl.types import Sample


def write(samples: Sequence[Sample], results: Sequence[Any], out: Path) -> dict[str, Any]:
    """Writes both files into `out` and returns what metrics.json holds."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / "images.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "category", "label", "score", "threshold", "verdict"])
        for s, r in zip(samples, results, strict=True):
            label = "" if s.label is None else s.label
            limit = f"{r.verdict.threshold:.9g}"
            rows.writerow([s.name, s.category, label, f"{r.score:.9g}", limit, r.verdict.verdict])
    categories = {}
    for name in sorted({s.category for s in samples}):
        categories[name] = _category([(s, r) for s, r in zip(samples, results, strict=True) if s.category == name])
    summary = {"categories": categories, "mean": mean(list(categories.values()))}
    (out / "metrics.json").write_text(json.dumps(summary, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return summary


def _category(pairs: Sequence[tuple[Sample, Any]]) -> dict[str, float | None]:
    known = [(s, r) for s, r in pairs if s.mask or s.label == 0]
    masks = [
        image.mask_to_input(image.read_mask(s.mask, r.geometry.source, s.path), r.geometry)
        if s.mask
        else np.zeros(r.geometry.input, bool)
        for s, r in known
    ]
    scores, labels = np.array([r.score for _, r in pairs]), np.array([s.label == 1 for s, _ in pairs])
    return metrics(scores, labels, np.array([r.input_map for _, r in known]), np.array(masks))
