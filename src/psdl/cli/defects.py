"""Known defects for fit and calibrate: read, learned, and told of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psdl.types import Sample


def defects_of(values: dict[str, Any], rule: Any, lines: Any) -> tuple[Sample, ...]:
    """The known defects that an option names, their headers looked at."""
    from psdl.datasets import check

    samples, _ = lines.read(values["defects"], None, values["category"] if values["each"] else None)
    known = check.known_defects(samples)
    found = lines.usable(known, rule, values["on_error"], values["jobs"]).samples
    check.check(found, rule, map)
    kinds = sorted({sample.kind for sample in found if sample.kind})
    lines.say(f"{values['defects']}: {len(found)} known defects" + (f" ({', '.join(kinds)})" if kinds else ""))
    return tuple(found)


def learn_defects(
    detector: Any, known: Sequence[Sample], good: Sequence[Sample], work: Any, lines: Any
) -> list[tuple[Sample, Any]]:
    """Learns the known defects and says what it came to; returns the images whose labels look wrong, judged."""
    from psdl.training.lesson import words

    lesson = detector.learn_defects(known, jobs=work)
    lines.say(*words(lesson, [sample.name for sample in known]))
    doubtful = [known[n] for n in lesson.like_good]
    doubtful += [sample for sample in good if sample.name in lesson.like_defects]
    return list(zip(doubtful, detector.results(doubtful, work), strict=True))
