"""What learning known defects came to: what it gained, which labels seem wrong, and how known defects fare
later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from psdl.calibrate.guarantee import DOUBT
from psdl.calibrate.thresholds import verdict
from psdl.errors import PsdlError
from psdl.model.model import Model
from psdl.scoring.known import known_score

__all__ = ["Found", "Lesson", "regression", "words"]


@dataclass(frozen=True)
class Found:
    """How many of `count` defects are NG, and NG or REVIEW, by the anomaly score alone and with the classifier."""

    count: int
    ng: int
    ng_with: int
    doubted: int
    doubted_with: int

    @property
    def gain(self) -> int:
        return self.ng_with - self.ng + self.doubted_with - self.doubted

    def words(self) -> str:
        return (
            f"{self.ng} -> {self.ng_with} of {self.count} NG, {self.doubted} -> {self.doubted_with} NG or REVIEW"
        )


@dataclass(frozen=True)
class Lesson:
    """What learning known defects came to. found: of defects left out in turn; kinds: of each kind, other defects
    of it known; unknown: of each kind, none of it known (both empty below two kinds); used: whether the classifier
    is used; sessions: p-values of tests that the defects are of the good images' session, by what is compared;
    like_good: places of defects that look like good images; like_defects: names of good images that look like the
    defects, most like first."""

    found: Found
    kinds: Mapping[str, Found]
    unknown: Mapping[str, Found]
    used: bool
    sessions: Mapping[str, float] = field(default_factory=dict)
    like_good: tuple[int, ...] = ()
    like_defects: tuple[str, ...] = ()

    @classmethod
    def of(cls, model: Model) -> Lesson:
        """What learning the known defects of a model came to. Raises PsdlError if it has not learned from any."""
        if model.defects is None or not model.defects.report:
            raise PsdlError("the model has learned from no known defects")
        card = dict(model.defects.report)
        card["found"] = Found(**card["found"])
        for name in ("kinds", "unknown"):
            card[name] = {kind: Found(**found) for kind, found in card[name].items()}
        return cls(**{**card, "like_good": tuple(card["like_good"]), "like_defects": tuple(card["like_defects"])})

    def card(self) -> dict[str, Any]:
        """As plain values for JSON."""
        return {**asdict(self), "like_good": list(self.like_good), "like_defects": list(self.like_defects)}


def regression(old: Model, new: Model) -> list[str]:
    """The known defects judged by two models' thresholds, in words; nothing if there are none."""
    if old.defects is None or new.defects is None:
        return []
    before, after = _verdicts(old), _verdicts(new)
    same = [where for where in new.defects.images if where.sha256 in before]
    found = [sum(verdicts[where.sha256] == "NG" for where in same) for verdicts in (before, after)]
    lost = [w.name for w in same if before[w.sha256] != "OK" and after[w.sha256] == "OK"]
    said = [f"known defects: of {len(same)} {found[0]} were NG, {found[1]} are now"]
    return said + ([f"WARNING: known defects that are OK now: {_some(lost)}"] if lost else [])


def _verdicts(model: Model) -> dict[str, str]:
    """The verdict of each known defect, by the SHA-256 of its picture."""
    known = model.defects
    if known is None:
        return {}
    scores = known.anomaly
    if model.classifier is not None:
        scores = np.maximum(scores, known_score(scores, known.averages, model.classifier))
    found = [verdict(float(score), model.calibration).verdict for score in scores]
    return {where.sha256: one for where, one in zip(known.images, found, strict=True)}


def words(lesson: Lesson, names: Sequence[str]) -> list[str]:
    """What learning known defects came to, for people; names: of the defects, in their order."""
    said = [f"known defects, each left out of learning in turn: {lesson.found.words()}"]
    for kind, found in lesson.kinds.items():
        said.append(
            f"  {kind or 'not named'}: {found.words()}; if none were known: {lesson.unknown[kind].words()}"
        )
    said.append(
        "known defects are used: an image is judged by the larger of two scores, and thresholds are set anew"
        if lesson.used
        else "known defects are not used, for no more of those left out are found with them; they are kept to test"
        " later thresholds on"
    )
    tests = ", ".join(f"{name} p = {p:.2g}" for name, p in lesson.sessions.items())
    if lesson.sessions and min(lesson.sessions.values()) < DOUBT / len(lesson.sessions):
        said.append(
            f"WARNING: the defects look as if from another session than the good images (rank tests: {tests}), and"
            " good parts of theirs may be rejected: give good images of the defects' session with --calibrate"
        )
    else:
        said.append(f"the defects look as if from the good images' session (rank tests: {tests})")
    if lesson.like_good:
        said.append("defects that look like good images: " + _some([names[n] for n in lesson.like_good]))
    if lesson.like_defects:
        said.append("good images that look like the defects: " + _some(lesson.like_defects))
    return said


def _some(names: Sequence[str], shown: int = 5) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
