"""The report on learning known defects: what was gained, which labels seem wrong, and how known defects are judged
by later models."""

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
    """How many of `count` defects are NG, and NG or REVIEW, without the classifier and with it (`..._with`)."""

    count: int
    ng: int
    ng_with: int
    doubted: int
    doubted_with: int

    @property
    def gain(self) -> int:
        """The number of defects that the classifier adds, those NG and those NG or REVIEW summed."""
        return self.ng_with - self.ng + self.doubted_with - self.doubted

    def words(self) -> str:
        """The numbers as a phrase for people."""
        return (
            f"{self.ng} -> {self.ng_with} of {self.count} NG, {self.doubted} -> {self.doubted_with} NG or REVIEW"
        )


@dataclass(frozen=True)
class Lesson:
    """The report on learning known defects.

    `found` counts defects that were left out of learning in turn. `kinds` counts those of each kind while others
    of the kind were known, `unknown` while none of the kind was known; both are empty if fewer than two kinds are
    named. `used` says whether the classifier is used. `sessions` holds p-values of rank tests of whether the
    defects come from the same session as the good images, by the quantity that is compared. `like_good` are
    indices of defects that look like good images; `like_defects` are names of good images that look like the
    defects, the most similar first.
    """

    found: Found
    kinds: Mapping[str, Found]
    unknown: Mapping[str, Found]
    used: bool
    sessions: Mapping[str, float] = field(default_factory=dict)
    like_good: tuple[int, ...] = ()
    like_defects: tuple[str, ...] = ()

    @classmethod
    def of(cls, model: Model) -> Lesson:
        """Returns the report that a model holds. Raises PsdlError if the model has not learned known defects."""
        if model.defects is None or not model.defects.report:
            raise PsdlError("the model has learned from no known defects")
        card = dict(model.defects.report)
        card["found"] = Found(**card["found"])
        for name in ("kinds", "unknown"):
            card[name] = {kind: Found(**found) for kind, found in card[name].items()}
        return cls(**{**card, "like_good": tuple(card["like_good"]), "like_defects": tuple(card["like_defects"])})

    def card(self) -> dict[str, Any]:
        """Returns the report as plain values for JSON."""
        return {**asdict(self), "like_good": list(self.like_good), "like_defects": list(self.like_defects)}


def regression(old: Model, new: Model) -> list[str]:
    """Compares how two models judge the known defects that both hold, in lines for people; no lines if either
    holds none."""
    if old.defects is None or new.defects is None:
        return []
    before, after = _verdicts(old), _verdicts(new)
    same = [where for where in new.defects.images if where.sha256 in before]
    found = [sum(verdicts[where.sha256] == "NG" for where in same) for verdicts in (before, after)]
    lost = [w.name for w in same if before[w.sha256] != "OK" and after[w.sha256] == "OK"]
    said = [f"known defects: of {len(same)} {found[0]} were NG, {found[1]} are now"]
    return said + ([f"WARNING: known defects that are OK now: {_some(lost)}"] if lost else [])


def _verdicts(model: Model) -> dict[str, str]:
    """Returns the verdict on each known defect, by the SHA-256 of its file."""
    known = model.defects
    if known is None:
        return {}
    scores = known.anomaly
    if model.classifier is not None:
        scores = np.maximum(scores, known_score(scores, known.averages, model.classifier))
    found = [verdict(float(score), model.calibration).verdict for score in scores]
    return {where.sha256: one for where, one in zip(known.images, found, strict=True)}


def words(lesson: Lesson, names: Sequence[str]) -> list[str]:
    """Returns the report in lines for people. `names` are those of the defects, in their order."""
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
