"""Judging that can be continued where it was broken off: each result is kept beside the output until all are
complete."""

from __future__ import annotations

import hashlib
import json
import shutil
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from psdl._util.atomic import atomic_write
from psdl.api import Detector
from psdl.calibrate import thresholds
from psdl.features.extractor import Arrived, Source, identity
from psdl.input import preprocess, urls
from psdl.input.statistics import ImageStatistics
from psdl.jobs import remote, runner
from psdl.model.model import Model
from psdl.report.folder import RESUME_FOLDER as FOLDER
from psdl.scoring.coded import FIELDS, of_arrays
from psdl.scoring.coded import arrays as arrays_of
from psdl.scoring.result import Result
from psdl.types import Coded, Run, Sample

__all__ = ["finished", "reader", "results"]

AHEAD = 8  # files behind URLs that are read at a time


def results(
    detector: Detector, samples: Sequence[Sample], out: Path | None, jobs: int | Run | None = None
) -> Iterator[tuple[Sample, Result]]:
    """Yields samples with their results in order, as `Detector.results` judges them.

    With `out`, results are kept in a folder below it, and those that an earlier run kept there are not judged
    again if model, psdl version, path, size and time of the file are the same. `finished` removes them.
    """
    files = _files(detector, samples, out / FOLDER) if out is not None else [None] * len(samples)
    kept = [file is not None and _whole(file, detector.model) for file in files]
    fresh = detector.results(
        _arriving([s for s, known in zip(samples, kept, strict=True) if not known], jobs), jobs
    )
    for sample, file, known in zip(samples, files, kept, strict=True):
        if file is not None and known:
            yield sample, _read(file, detector.model)
            continue
        result = next(fresh)
        if file is not None:
            _keep(result, file)
        yield sample, result


def reader(samples: Sequence[Sample]) -> Run:
    """Returns an ordered map for reading the samples' files: several at a time if any lies behind a URL."""
    return runner(AHEAD) if any(urls.is_url(sample.path) for sample in samples) else map


def _arriving(samples: Sequence[Sample], jobs: int | Run | None) -> Iterable[Source]:
    """Returns the samples, those behind URLs with their bytes, a few of which are read ahead. Workers in other
    processes get the samples alone."""
    if remote(runner(jobs)):
        return samples
    return reader(samples)(_arrived, samples)


def _arrived(sample: Sample) -> Source:
    return Arrived(sample, urls.content(sample.path)) if urls.is_url(sample.path) else sample


def finished(out: Path) -> None:
    """Removes the kept results; to be called once the output is complete."""
    shutil.rmtree(out / FOLDER, ignore_errors=True)


def _files(detector: Detector, samples: Sequence[Sample], folder: Path) -> list[Path | None]:
    """Returns the file of each result. Its name is a digest of all that the result depends on."""
    known = detector.model.calibration
    scores = hashlib.sha256(known.scores.tobytes()).hexdigest()
    judged = [scores, repr(known.threshold), repr(known.review_threshold), repr(known.rates)]
    learned = [where.sha256 for where in detector.model.learned]
    model = hashlib.sha256(json.dumps([version("psdl"), repr(detector.recipe), learned, judged]).encode())

    def named(sample: Sample) -> Path:
        what = [*identity(sample, 0), model.hexdigest()]
        return folder / f"{hashlib.sha256(json.dumps(what).encode()).hexdigest()}.npz"

    return [named(sample) for sample in samples]


def _keep(result: Result, file: Path) -> None:
    """Writes a result to a file, as a whole or not at all."""
    arrays = {"map": result.input_map}
    for part, coded in result.coded.items():
        arrays |= {f"{part}/{name}": value for name, value in arrays_of(coded).items()}
    card: dict[str, Any] = {"score": result.score, "anomaly": result.anomaly, "known": result.known}
    card |= {"geometry": asdict(result.geometry), "statistics": result.statistics}
    card["digest"], card["parts"] = result.digest, list(result.coded)
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(file) as temporary, temporary.open("wb") as target:
        np.savez(target, card=np.frombuffer(json.dumps(card).encode(), np.uint8), **arrays)  # type: ignore[arg-type]


def _whole(file: Path, model: Model) -> bool:
    """Returns whether the file holds a result that can be read; a full disk or a power failure may leave
    others."""
    try:
        return file.is_file() and bool(_read(file, model))
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, BadZipFile, zlib.error):
        return False


def _read(file: Path, model: Model) -> Result:
    with file.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
        card = json.loads(arrays["card"].tobytes())
        coded = {part: _coded(part, arrays) for part in card["parts"]}
        verdict = thresholds.verdict(card["score"], model.calibration)
        return Result(
            card["score"],
            verdict,
            arrays["map"],
            preprocess.geometry_of(card["geometry"]),
            coded,
            model,
            ImageStatistics(*card["statistics"]),
            card["digest"],
            card["anomaly"],
            card["known"],
        )


def _coded(part: str, arrays: Mapping[str, Any]) -> Coded:
    return of_arrays({name: arrays[f"{part}/{name}"] for name in FIELDS if f"{part}/{name}" in arrays})
