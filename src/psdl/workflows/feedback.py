"""What people say of a model's verdicts -> its calibration.

Corrections are no sample of what the line makes: people look at what was rejected. Good images among them join the
calibration's scores, which can only raise its threshold, so the promise for good images is kept and more than
kept; what that does to the defective ones is told, not hidden.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from psdl._util import plugins
from psdl.api import Detector
from psdl.calibrate import anew, thresholds
from psdl.errors import PsdlError
from psdl.training.copies import fresh
from psdl.types import Run

COLUMNS = ("path", "verdict")
GOOD, BAD = ("ok", "good"), ("ng", "bad", "defective")


@dataclass(frozen=True)
class Correction:
    """One image as a person judges it."""

    path: str
    good: bool


def read(file: str | Path) -> tuple[Correction, ...]:
    """The corrections of a CSV file with columns path and verdict (OK or good, NG, bad or defective); paths are as
    they stand, or below the file's folder. Raises PsdlError on what cannot be read, on other words, on images that
    are not there, and on one that is named twice with different verdicts."""
    file = Path(file)
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            rows = list(csv.DictReader(lines))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PsdlError(
            f"{file} cannot be read ({error}): give a CSV file with columns path and verdict"
        ) from None
    if not rows or not set(COLUMNS) <= set(rows[0]):
        raise PsdlError(f"{file} has no rows with columns path and verdict: write them, a row an image")
    found: dict[str, Correction] = {}
    for n, row in enumerate(rows, 2):
        one = Correction(_path(row["path"] or "", file, n), _good(row["verdict"] or "", file, n))
        if found.setdefault(one.path, one) != one:
            raise PsdlError(f"{file} line {n} calls {one.path} otherwise than a line before it: keep one of them")
    return tuple(found.values())


def _path(name: str, file: Path, n: int) -> str:
    for path in (Path(name), file.parent / name):
        if name and path.is_file():
            return str(path)
    raise PsdlError(f"{file} line {n} names {name!r}, where no file is: correct the path or remove the line")


def _good(word: str, file: Path, n: int) -> bool:
    if word.strip().lower() not in GOOD + BAD:
        raise plugins.unknown(f"verdict in {file} line {n}:", word, ("OK", "NG"))
    return word.strip().lower() in GOOD


def corrected(
    detector: Detector, corrections: Sequence[Correction], by: str = "", jobs: int | Run | None = None
) -> list[str]:
    """Adds the good images to the detector's calibration and sets its thresholds anew; returns sentences on what
    came of it. Raises PsdlError where no correction is of a good image."""
    results = list(detector.results([one.path for one in corrections], jobs))
    pairs = list(zip(corrections, results, strict=True))
    good = [(one, result) for one, result in pairs if one.good]
    if not good:
        raise PsdlError(
            "no correction names a good image, so no threshold can follow: add false alarms to the file"
        )
    known = detector.model.calibration
    left_out: list[str] = []
    wrong = sum(result.verdict.verdict != "OK" for _, result in good)
    found = fresh([one.path for one, _ in good], [result for _, result in good], detector.model)
    kept = anew.once(anew.unlearned(found, left_out.append), left_out.append)
    new = anew.joined(known, kept, known.rates, "by feedback", left_out.append)
    what = {"what": "corrected by feedback", "images": len(corrections)}
    detector.recorded(new, what, by)
    left = sum(thresholds.verdict(result.score, new).verdict != "OK" for _, result in good)
    said = [
        *left_out,
        f"threshold {known.threshold:.4g} -> {new.threshold:.4g}",
        f"{len(good)} images said to be good: {wrong} were not OK before, {left} are not now",
    ]
    missed = [
        one.path
        for one, result in pairs
        if not one.good and result.score <= (new.review_threshold or new.threshold)
    ]
    bad = len(pairs) - len(good)
    if bad:
        said.append(f"{bad} images said to be defective: {bad - len(missed)} are found, {len(missed)} are OK now")
        said += [f"  not found: {path}" for path in missed]
    return said
