"""Judging that goes on where it was broken off: each result is kept beside the output until all are there."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from psdl.calibrate import thresholds
from psdl.detector import Detector
from psdl.looks import Look
from psdl.model import Model
from psdl.result import Result
from psdl.types import Coded, Geometry, Run, Sample

FOLDER = ".going"
FIELDS = ("distance", "code", "residual", "atom", "norm")  # of what a part says


def results(
    detector: Detector, samples: Sequence[Sample], out: Path | None, jobs: int | Run | None = None
) -> Iterator[tuple[Sample, Result]]:
    """Samples with their results, in order, as `Detector.results` gives them. With `out` those that a run before
    this one kept in out/.going are not judged again: of the same model, psdl, file, size and time. `finished`
    removes them."""
    known = {} if out is None else _kept(detector, samples, out / FOLDER)
    fresh = detector.results([s for s in samples if s.path not in known], jobs)
    for sample in samples:
        if sample.path in known:
            yield sample, _read(known[sample.path], detector.model)
            continue
        result = next(fresh)
        if out is not None:
            _keep(result, _file(detector, sample, out / FOLDER))
        yield sample, result


def finished(out: Path) -> None:
    """Removes what was kept: the output is whole."""
    shutil.rmtree(out / FOLDER, ignore_errors=True)


def _kept(detector: Detector, samples: Sequence[Sample], folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        return {}
    files = {sample.path: _file(detector, sample, folder) for sample in samples}
    return {path: file for path, file in files.items() if file.is_file()}


def _file(detector: Detector, sample: Sample, folder: Path) -> Path:
    """Where the result of a file is kept: named by all that it depends on."""
    found = os.stat(sample.path)
    known = detector.model.calibration
    what = [sample.path, str(found.st_size), str(found.st_mtime_ns), version("psdl"), repr(sample.pose)]
    model = [repr(detector.recipe), *(where.sha256 for where in detector.model.learned)]
    scores = hashlib.sha256(known.scores.tobytes()).hexdigest()
    judged = [scores, repr(known.threshold), repr(known.review_threshold), repr(known.rates)]
    return folder / f"{hashlib.sha256(json.dumps([what, model, judged]).encode()).hexdigest()}.npz"


def _keep(result: Result, file: Path) -> None:
    """Writes a result, whole or not at all."""
    arrays = {"map": result.input_map}
    for part, coded in result.coded.items():
        arrays |= {f"{part}/{name}": value for name in FIELDS if (value := getattr(coded, name)) is not None}
    card = {"score": result.score, "geometry": asdict(result.geometry), "look": result.look}
    card["parts"] = list(result.coded)
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(f".{os.getpid()}.part")
    with draft.open("wb") as target:
        np.savez(target, card=np.frombuffer(json.dumps(card).encode(), np.uint8), **arrays)  # type: ignore[arg-type]
    os.replace(draft, file)


def _read(file: Path, model: Model) -> Result:
    with np.load(file, allow_pickle=False) as arrays:
        card = json.loads(arrays["card"].tobytes())
        coded = {part: _coded(part, arrays) for part in card["parts"]}
        verdict = thresholds.verdict(card["score"], model.calibration)
        return Result(
            card["score"], verdict, arrays["map"], _geometry(card["geometry"]), coded, model, Look(*card["look"])
        )


def _coded(part: str, arrays: Mapping[str, Any]) -> Coded:
    return Coded(**{name: arrays[f"{part}/{name}"] for name in FIELDS if f"{part}/{name}" in arrays})


def _geometry(values: Mapping[str, Any]) -> Geometry:
    return Geometry(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})
