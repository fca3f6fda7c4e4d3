"""Learns known defects: a classifier that separates them from good images, used only if it finds more defects.

Its gain is measured on defects that it has not learned from: they are left out in turn, item by item and, where
kinds are named, kind by kind. The thresholds keep their rates because each good image is judged by a classifier
that has not seen its item.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from psdl.calibrate.guarantee import HELD_OUT
from psdl.calibrate.thresholds import numbered, rank_test, rescored
from psdl.errors import PsdlError
from psdl.features.extractor import Source, name_of, origin
from psdl.model.known import Known
from psdl.model.model import Model
from psdl.scoring.known import known_score
from psdl.scoring.result import Result
from psdl.training.copies import groups_of
from psdl.training.crossval import folds
from psdl.training.known import Fitted, Images, fitted
from psdl.training.lesson import Found, Lesson
from psdl.types import F64, Calibration, Sample

__all__ = ["WithDefects", "check_count", "few", "joined", "known_of", "learn_known", "scarce"]

LEAST = 3  # items with known defects that are needed
GOOD = 100  # held-out good images needed to decide whether defects come from their session
SEPARATE = 20  # good images needed if they are said to come from the defects' session
LEFT_OUT = 5  # shares of the defects that are left out in turn
SHOWN = 12  # images of doubtful label that are listed


class WithDefects(NamedTuple):
    """The model with its known defects, and the report on learning them."""

    model: Model
    lesson: Lesson


def check_count(good: int, separate: bool) -> None:
    """Raises PsdlError if `good` images are too few to learn known defects against. `separate` says that they come
    from the defects' session and were not learned from."""
    if good < (SEPARATE if separate else GOOD):
        raise PsdlError(
            f"{good} good images are too few to tell defects from a change of session: give {GOOD} good images, or"
            f" at least {SEPARATE} of the defects' session with --calibrate"
        )


def scarce(known: Calibration) -> str:
    """Returns why the good images of a calibration are too few, in words; empty if they are enough."""
    try:
        check_count(len(known.scores), not known.origin.startswith(HELD_OUT))
    except PsdlError as error:
        return str(error)
    return ""


def known_of(items: Sequence[Source], judged: Sequence[Result]) -> Known:
    """Returns known defects from images and their results, which must hold averages. Kinds are those of the
    samples; images of other forms have none."""
    return Known(
        anomaly=np.array([one.anomaly for one in judged], np.float64),
        averages=np.array([one.averages for one in judged], np.float16),
        image_statistics=np.array([one.statistics[:2] for one in judged], np.float32),
        items=numbered(groups_of(items)),
        kinds=tuple(item.kind if isinstance(item, Sample) else "" for item in items),
        images=tuple(
            replace(origin(item, n), name=name_of(item), seen=one.digest)
            for n, (item, one) in enumerate(zip(items, judged, strict=True))
        ),
    )


def joined(old: Known | None, new: Known) -> Known:
    """Returns all known defects of both; a picture that both hold is taken from `new`."""
    if old is None:
        return new
    again = {where.sha256 for where in new.images}
    kept = [n for n, where in enumerate(old.images) if where.sha256 not in again]
    return Known(
        anomaly=np.append(old.anomaly[kept], new.anomaly),
        averages=np.concatenate([old.averages[kept], new.averages]),
        image_statistics=np.concatenate([old.image_statistics[kept], new.image_statistics]),
        items=np.append(old.items[kept], new.items + old.items.max(initial=-1) + 1).astype(np.int32),
        kinds=(*(old.kinds[n] for n in kept), *new.kinds),
        images=(*(old.images[n] for n in kept), *new.images),
    )


def learn_known(model: Model, known: Known) -> WithDefects:
    """Returns the model with known defects that it has judged, and the report on learning them.

    Raises PsdlError on fewer than LEAST items with defects, on too few good images, on defects that are also among
    the good images, and on models that do not hold what is learned from.
    """
    calibration = model.calibration
    good, kinds = _good(model), known.kinds
    defects = Images(known.anomaly, known.averages, known.items.astype(np.intp))
    _check(calibration, known)
    blocks = model.averages.blocks if model.averages else ()
    seed = model.recipe.seed
    whole = fitted(good, defects, blocks, seed)
    left = _left_out(good, defects, folds([str(i) for i in defects.items], LEFT_OUT, seed), blocks, calibration)
    named = sorted(set(kinds)) if len(set(kinds)) > 1 else []
    numbers = np.array([named.index(kind) for kind in kinds] if named else [0] * len(kinds))
    without = _left_out(good, defects, numbers, blocks, calibration) if named else left
    found = _found(defects, left, calibration)
    used = found.ng_with >= found.ng and found.gain > 0
    lesson = Lesson(
        found=found,
        kinds={kind: _found(defects, left, calibration, numbers == n) for n, kind in enumerate(named)},
        unknown={kind: _found(defects, without, calibration, numbers == n) for n, kind in enumerate(named)},
        used=used,
        sessions=_sessions(model, good, known),
        like_good=tuple(int(n) for n in np.flatnonzero(left.scores < np.median(left.middle))),
        like_defects=_like_defects(whole, calibration),
    )
    new = rescored(calibration, np.maximum(good.anomaly, whole.good) if used else good.anomaly)
    known = replace(known, report=lesson.card())
    classifier = whole.classifier if used else None
    scored = dict(zip(new.images, new.scores, strict=True)) if new.images else {}
    before = zip(model.learned, model.unseen, strict=True) if len(model.unseen) else ()
    unseen = np.array([scored.get(where, score) for where, score in before], np.float64)
    return WithDefects(
        replace(model, calibration=new, unseen=unseen, defects=known, classifier=classifier), lesson
    )


def _good(model: Model) -> Images:
    known = model.calibration
    if model.averages is None or known.anomaly is None or known.averages is None:
        raise PsdlError("the model does not hold what known defects are learned from: fit it again")
    return Images(known.anomaly, known.averages, known.items.astype(np.intp))


def _check(calibration: Calibration, known: Known) -> None:
    if too_few := few(known):
        raise PsdlError(too_few)
    check_count(len(calibration.scores), not calibration.origin.startswith(HELD_OUT))
    good = {key: where.name for where in calibration.images for key in (where.sha256, where.seen) if key}
    for where in known.images:
        same = good.get(where.sha256) or good.get(where.seen)
        if same:
            raise PsdlError(
                f"{where.name} is given as a defect, but {same} is the same picture among the good"
                " images: remove it from one of them"
            )


def few(known: Known) -> str:
    """Returns why the known defects are too few to learn from, in words; empty if they are enough."""
    items = len(set(known.items.tolist()))
    return (
        "" if items >= LEAST else f"{items} known defects are too few to learn from: at least {LEAST} are needed"
    )


class _Left(NamedTuple):
    """Results for K defects that were left out in turn: their scores, the thresholds and the review thresholds by
    which each is judged, and the median score of good images at that time, all (K,)."""

    scores: F64
    limits: F64
    doubts: F64
    middle: F64


def _left_out(
    good: Images, defects: Images, share: NDArray[np.intp], blocks: Sequence[int], calibration: Calibration
) -> _Left:
    """Judges each share of the defects by a classifier fitted to the other shares, with thresholds set for it.
    `share` (K,) is the share of each defect."""
    found = _Left(*(np.empty(len(share)) for _ in _Left._fields))
    for one in np.unique(share):
        out = share == one
        if out.all():  # nothing else is known: the anomaly score alone decides
            scores, known = defects.anomaly[out], rescored(calibration, good.anomaly)
        else:
            rest = fitted(good, defects.rows(~out), blocks)
            own = defects.rows(out)
            scores = np.maximum(own.anomaly, known_score(own.anomaly, own.averages, rest.classifier))
            known = rescored(calibration, np.maximum(good.anomaly, rest.good))
        found.scores[out], found.limits[out] = scores, known.threshold
        found.doubts[out] = _doubt(known)
        found.middle[out] = np.median(known.scores)
    return found


def _doubt(known: Calibration) -> float:
    return known.threshold if known.review_threshold is None else known.review_threshold


def _found(
    defects: Images, left: _Left, calibration: Calibration, among: NDArray[np.bool_] | None = None
) -> Found:
    inside = np.ones(len(defects.anomaly), bool) if among is None else among
    plain = rescored(calibration, calibration.anomaly) if calibration.anomaly is not None else calibration
    before = defects.anomaly[inside]
    return Found(
        count=int(inside.sum()),
        ng=int(np.sum(before > plain.threshold)),
        ng_with=int(np.sum(left.scores[inside] > left.limits[inside])),
        doubted=int(np.sum(before > _doubt(plain))),
        doubted_with=int(np.sum(left.scores[inside] > left.doubts[inside])),
    )


def _sessions(model: Model, good: Images, known: Known) -> dict[str, float]:
    """Returns p-values of rank tests between defects and good images: of the calmer half of each image and, if the
    good images were learned from, of brightness and sharpness."""
    pictures = len(good.items) / len(set(good.items.tolist()))
    pairs: dict[str, tuple[NDArray[Any], NDArray[Any]]] = {
        "calmer half": (good.averages[:, -1], known.averages[:, -1])
    }
    if model.calibration.origin.startswith(HELD_OUT) and len(model.image_statistics):
        pairs |= {
            name: (model.image_statistics[:, n], known.image_statistics[:, n])
            for n, name in enumerate(("brightness", "sharpness"))
        }
    return {name: rank_test(a.astype(float), b.astype(float), pictures) for name, (a, b) in pairs.items()}


def _like_defects(whole: Fitted, calibration: Calibration) -> tuple[str, ...]:
    """Returns names of good images that their fold's classifier takes for defects, the most similar first."""
    order = np.argsort(-whole.decided, kind="stable")
    names = [calibration.images[n].name for n in order if whole.decided[n] > 0] if calibration.images else []
    return tuple(names[:SHOWN])
