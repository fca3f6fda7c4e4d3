"""Writes images.csv, images.jsonl and metrics.json from judged images, and sums them up in lines."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from psdl._util.atomic import atomic_write
from psdl.calibrate.guarantee import kept
from psdl.calibrate.thresholds import joint
from psdl.errors import printable
from psdl.input import masks, preprocess
from psdl.measure.found import found as found_by
from psdl.measure.found import means
from psdl.measure.metrics import KEYS, mean, metrics
from psdl.types import Sample

Judged = Sequence[tuple[Sample, Any]]  # each image with its Result
TEXT: dict[str, Any] = {"newline": "", "encoding": "utf-8", "errors": "surrogateescape"}  # of tables for csv
COLUMNS = ("path", "category", "label", "score", "threshold", "verdict")
FOUND = {
    "found_ng": "defects NG",
    "found_review": "defects NG or REVIEW",
    "false_ng": "good NG",
    "false_review": "good NG or REVIEW",
}
NAMES = {"image_f1_max": "image F1 (oracle)", "pixel_f1_max": "pixel F1 (oracle)", "aupro": "AU-PRO 0.3"}


def write(judged: Judged, out: Path) -> dict[str, Any]:
    """Writes all three files into `out`, and returns the content of metrics.json."""
    write_images(judged, out)
    summary = summed(judged)
    with atomic_write(out / "metrics.json") as temporary:
        temporary.write_text(json.dumps(summary, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return summary


def summed(judged: Judged) -> dict[str, Any]:
    """Returns the metrics of each category and their mean, as in metrics.json."""
    names = sorted({sample.category for sample, _ in judged})
    categories = {name: _category([pair for pair in judged if pair[0].category == name]) for name in names}
    both = list(categories.values())
    return {"categories": categories, "mean": {**mean(both), **means(both)}}


def write_images(judged: Judged, out: Path) -> None:
    """Writes images.csv and images.jsonl into `out`, and parts.csv and parts.jsonl if there are parts. The folder
    is made if needed. The label is 0 for good, 1 for defective, or empty (null). docs/results.md explains every
    field."""
    out.mkdir(parents=True, exist_ok=True)
    with atomic_write(out / "images.jsonl") as temporary, temporary.open("w", encoding="utf-8") as file:
        for sample, result in judged:
            file.write(json.dumps(row(sample, result)) + "\n")
    with atomic_write(out / "images.csv") as temporary, temporary.open("w", **TEXT) as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for sample, result in judged:
            label = "" if sample.label is None else sample.label
            score, limit = f"{result.score:.9g}", f"{result.verdict.threshold:.9g}"
            rows.writerow([sample.name, sample.category, label, score, limit, result.verdict.verdict])
    _write_parts(part_rows(judged), out)


def write_skipped(skipped: Sequence[tuple[Sample, str]], out: Path) -> str:
    """Writes skipped.csv, the images that could not be used and why, into `out`, and returns a sentence about
    them. The folder is made if needed. If there are none, nothing is written and the sentence is empty."""
    if not skipped:
        return ""
    out.mkdir(parents=True, exist_ok=True)
    with atomic_write(out / "skipped.csv") as temporary, temporary.open("w", **TEXT) as file:
        csv.writer(file).writerows(
            [("path", "category", "reason"), *((sample.name, sample.category, why) for sample, why in skipped)]
        )
    return f" {len(skipped)} pictures were not judged: see skipped.csv, which says why of each."


def _write_parts(parts: Sequence[Mapping[str, Any]], out: Path) -> None:
    """Writes parts.csv and parts.jsonl, if there are parts."""
    if not parts:
        return
    with atomic_write(out / "parts.jsonl") as temporary, temporary.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(part) + "\n" for part in parts)
    with atomic_write(out / "parts.csv") as temporary, temporary.open("w", **TEXT) as file:
        rows = csv.DictWriter(file, parts[0])
        rows.writeheader()
        rows.writerows(parts)


def row(sample: Sample, result: Any) -> dict[str, Any]:
    """Returns the content of one line of images.jsonl."""
    known = {"path": sample.name, "category": sample.category, "label": sample.label, "part": sample.part}
    return {**known, **result.to_dict()}


def part_rows(judged: Judged) -> list[dict[str, Any]]:
    """Returns the content of one line of parts.jsonl for each physical part of which several pictures were taken.

    The verdict is joint, see `thresholds.joint`. A part is defective if one of its pictures is. Otherwise its
    label is unknown if that of one picture is.
    """
    views: dict[tuple[str, str], list[tuple[Sample, Any]]] = {}
    for sample, result in judged:
        if sample.part:
            views.setdefault((sample.category, sample.part), []).append((sample, result))
    rows = []
    for (category, part), pairs in views.items():
        found = joint([result.score for _, result in pairs], pairs[0][1].calibration)
        labels = [sample.label for sample, _ in pairs]
        label = 1 if 1 in labels else None if None in labels else 0
        rows.append({"category": category, "part": part, "label": label, "pictures": len(pairs), **asdict(found)})
    return rows


def lines(summary: Mapping[str, Any]) -> list[str]:
    """Returns what was found at the promised rates, then the metrics, as lines: one for each category and one for
    the mean."""
    rows = {**summary["categories"], "mean": summary["mean"]}
    if len(summary["categories"]) == 1:
        rows.pop("mean")
    measured = [
        [name, *("-" if row[key] is None else f"{row[key]:.3f}" for key in KEYS)] for name, row in rows.items()
    ]
    return [
        *_aligned([["category", *FOUND.values()], *([name, *found_cells(row)] for name, row in rows.items())]),
        *intervals(summary),
        "",
        *_aligned([["category", *titles()], *measured]),
    ]


def doubts(judged: Judged) -> list[str]:
    """Returns warnings about test images that make the measurement less meaningful: those that the model learned
    from, and pictures that are labelled both good and defective."""
    learned = [sample.name for sample, result in judged if result.learned and sample.label is not None]
    said = []
    if learned:
        said.append(
            f"CAUTION: the model learned from {len(learned)} of the test images, such as {printable(learned[0])}:"
            " they are judged as when they were held out, but they are no new parts"
        )
    seen: dict[str, dict[int | None, str]] = {}
    for sample, result in judged:
        seen.setdefault(result.digest, {})[sample.label] = sample.name
    both = [names for names in seen.values() if 0 in names and 1 in names]
    if both:
        said.append(
            f"CAUTION: {len(both)} pictures are labelled good and defective at once, such as"
            f" {printable(both[0][0])} and {printable(both[0][1])}: one of both is measured wrongly; correct them"
        )
    return said


def found_cells(row: Mapping[str, Any]) -> list[str]:
    """Returns the shares of a category, or of the mean, with their intervals, as text."""
    return ["none" if row[key] is None else _share(row[key]) for key in FOUND]


def _share(found: Mapping[str, Any]) -> str:
    said = f"{found['share']:.1%}"
    return f"{said} ({found['low']:.1%} to {found['high']:.1%})" if "low" in found else said


def intervals(summary: Mapping[str, Any]) -> list[str]:
    """Returns sentences on the promised rates and on the kind of the intervals."""
    rows = summary["categories"].values()
    promised = {(row["promised_ng"], row["promised_review"]) for row in rows}
    hows = {row[key]["how"] for row in rows for key in FOUND if row[key]}
    said = [
        f"promised: at most {ng:.2%} of good images NG" + (f", {review:.2%} NG or REVIEW" if review else "")
        for ng, review in sorted(promised)
    ]
    return [*said, f"intervals: 95 %, {' or '.join(sorted(hows))}"] if hows else said


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Returns rows of cells as lines with aligned columns, the first one to the left."""
    wide = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    return [
        "  ".join([row[0].ljust(wide[0]), *(cell.rjust(w) for cell, w in zip(row[1:], wide[1:], strict=True))])
        for row in rows
    ]


def titles() -> list[str]:
    """Returns the names of the metrics for people, in the order of KEYS."""
    return [NAMES.get(key, key.replace("_", " ").replace("auroc", "AUROC").replace(" ap", " AP")) for key in KEYS]


def _category(pairs: Judged) -> dict[str, Any]:
    known = [(s, r) for s, r in pairs if s.mask or s.label == 0]
    truths = [
        preprocess.mask_to_input(masks.read(s.mask, r.geometry.source, s.path), r.geometry)
        if s.mask
        else np.zeros(r.geometry.input, bool)
        for s, r in known
    ]
    scores, labels = np.array([r.score for _, r in pairs]), np.array([s.label == 1 for s, _ in pairs])
    found: dict[str, Any] = dict(
        metrics(scores, labels, np.array([r.input_map for _, r in known]), np.array(truths))
    )
    items = [s.group or s.part or f"image {n}" for n, (s, _) in enumerate(pairs)]
    calibration = pairs[0][1].calibration
    rates = calibration.rates
    found |= found_by([r.verdict.verdict for _, r in pairs], labels, items)
    found["promised_ng"] = kept(calibration, rates.false_reject)
    found["promised_review"] = kept(calibration, rates.review) if rates.review else 0.0
    rejected = np.array([r.verdict.verdict == "NG" for _, r in pairs])
    doubted = np.array([r.verdict.verdict == "REVIEW" for _, r in pairs])
    found["rejected_good"] = float(rejected[~labels].mean()) if (~labels).any() else None
    found["rejected_defective"] = float(rejected[labels].mean()) if labels.any() else None
    found["review_good"] = float(doubted[~labels].mean()) if (~labels).any() else None
    found["review_defective"] = float(doubted[labels].mean()) if labels.any() else None
    return found
