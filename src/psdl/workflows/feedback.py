"""Corrects a model by what people say of its verdicts.

Corrections are no random sample of what the line makes, since people check what was rejected. Good images among
them join the dictionaries and the calibration, as in `extend`. Defects join the known ones, see
`training.defects`. The effect on thresholds, on verdicts and on the defects known before is reported.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from psdl._util import plugins
from psdl.api import Detector
from psdl.calibrate import anew
from psdl.calibrate.strangers import check_far
from psdl.errors import PsdlError
from psdl.jobs.context import RunContext
from psdl.methods.base import extendable, method_of
from psdl.scoring.known import with_classifier
from psdl.scoring.result import Result
from psdl.training.copies import fresh
from psdl.training.defects import few, joined, known_of, learn_known, scarce
from psdl.training.lesson import regression, words
from psdl.types import Run
from psdl.workflows.extend import extended, proved

__all__ = ["Corrected", "Correction", "corrected", "read"]

COLUMNS = ("path", "verdict")
GOOD, BAD = ("ok", "good"), ("ng", "bad", "defective")


@dataclass(frozen=True)
class Correction:
    """The path of one image, and whether a person judges it to be good."""

    path: str
    good: bool


def read(file: str | Path) -> tuple[Correction, ...]:
    """Reads corrections from a CSV file with the columns path and verdict.

    A verdict is OK or good, or NG, bad or defective. Paths are taken as they stand, or else below the file's
    folder. Raises PsdlError on a file that cannot be read, on other verdicts, on images that do not exist, and on
    an image that is named twice with different verdicts.
    """
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
    detector: Detector,
    corrections: Sequence[Correction],
    by: str = "",
    jobs: int | Run | None = None,
    force: bool = False,
) -> Corrected:
    """Returns the detector after the corrections, and sentences on their effect.

    Good images join the calibration and, if the methods can be extended, the dictionaries. Defects join the known
    ones, which are learned from where there are enough. `by` names the person, for the history. Raises PsdlError
    on images that cannot be read and, without `force`, if images said to be good score as far beyond the threshold
    as defects do.
    """
    old = detector.model
    before = list(detector.results([one.path for one in corrections], jobs, averages=True))
    good = [(one, result) for one, result in zip(corrections, before, strict=True) if one.good]
    bad = [(one, result) for one, result in zip(corrections, before, strict=True) if not one.good]
    said: list[str] = []
    if good:
        found = fresh([one.path for one, _ in good], [result for _, result in good], old)
        said += check_far(old.calibration, anew.strangers_of(found), force)
        detector, sentences = _with_good(detector, good, by, jobs)
        said += sentences
    if bad:
        detector, sentences = _with_defects(detector, [one.path for one, _ in bad], jobs)
        said += sentences
    detector = proved(detector, detector.model)
    detector.recorded(
        detector.model.calibration, {"what": "corrected by feedback", "images": len(corrections)}, by
    )
    after = list(detector.results([one.path for one in corrections], jobs))
    new = detector.model.calibration
    said.insert(0, f"threshold {old.calibration.threshold:.4g} -> {new.threshold:.4g}")
    return Corrected(detector, said + _flips(corrections, before, after) + regression(old, detector.model))


class Corrected(NamedTuple):
    """The detector after the corrections, and sentences on their effect."""

    detector: Detector
    said: list[str]


def _with_good(
    detector: Detector, good: Sequence[tuple[Correction, Result]], by: str, jobs: int | Run | None
) -> tuple[Detector, list[str]]:
    """Adds good images to dictionaries and calibration, or to the calibration alone if a method cannot be
    extended. Images that were learned from, and copies, are left out. Raises PsdlError if none remains."""
    said: list[str] = []
    found = fresh([one.path for one, _ in good], [result for _, result in good], detector.model)
    kept = anew.once(anew.unlearned(found, said.append), said.append)
    paths = [one.path for (one, _), new in zip(good, found, strict=True) if any(new is other for other in kept)]
    if all(extendable(method_of(part)) for part in detector.model.recipe.parts):
        return extended(detector, paths, by, RunContext(jobs), force=True), said
    known = replace(detector.model.calibration, confirmed=True)
    more = anew.joined(known, kept, known.rates, "by feedback, confirmed good", said.append)
    return detector.recorded(more, {"what": "good images added", "images": len(kept)}, by), said


def _with_defects(detector: Detector, paths: Sequence[str], jobs: int | Run | None) -> tuple[Detector, list[str]]:
    """Adds missed defects to the known ones, and learns from them if there are enough defects and good images."""
    judged = list(detector.results(paths, jobs, averages=True))
    known = joined(detector.model.defects, known_of(paths, judged))
    why = few(known) or scarce(detector.model.calibration)
    if why:
        model = replace(detector.model, defects=replace(known, report={}), classifier=None)
        calibration = with_classifier(model.calibration, None)
        kept = Detector.of(replace(model, calibration=calibration), detector.device)
        return kept, [f"defects are kept to test later thresholds on, not learned from: {why}"]
    new = learn_known(detector.model, known)
    names = [where.name for where in known.images]
    return Detector.of(new.model, detector.device), words(new.lesson, names)


def _flips(corrections: Sequence[Correction], before: Sequence[Result], after: Sequence[Result]) -> list[str]:
    """Says how many images are judged as people judge them, before and after, and which ones still are not."""
    said = []
    for good, what in ((True, "good"), (False, "defective")):
        rows = [row for row in zip(corrections, before, after, strict=True) if row[0].good == good]
        verdicts = [(old.verdict.verdict, new.verdict.verdict) for _, old, new in rows]
        wrong = [[(pair[n] == "OK") != good for pair in verdicts] for n in (0, 1)]
        if rows:
            said.append(
                f"{len(rows)} images said to be {what}: {sum(wrong[0])} were {'not ' * good}OK before,"
                f" {sum(wrong[1])} are {'not ' * good}OK now"
            )
            said += [
                f"  {'still' if was else 'now'} {row[2].verdict.verdict}: {row[0].path}"
                for row, was, no in zip(rows, *wrong, strict=True)
                if no
            ]
    return said
