"""Known defects for psdl fit: reads them, learns them and reports on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from psdl.types import Sample

if TYPE_CHECKING:
    from psdl.api import Detector
    from psdl.cli.lines import Lines
    from psdl.jobs.context import RunContext
    from psdl.scoring.result import Result
    from psdl.training.options import FitOptions


def defects_of(lines: Lines, data: str, category: list[str] | None, chosen: FitOptions) -> tuple[Sample, ...]:
    """Returns the known defects of the data that an option names, after their headers were checked."""
    from psdl.cli.lines import Reading
    from psdl.datasets import check

    known = check.known_defects(lines.read(data, Reading(category=category)).samples)
    found = lines.usable(known, None, chosen.on_error).samples
    check.check(found, None, map)
    kinds = sorted({sample.kind for sample in found if sample.kind})
    lines.say(f"{data}: {len(found)} known defects" + (f" ({', '.join(kinds)})" if kinds else ""))
    return tuple(found)


def learn_defects(
    detector: Detector,
    known: Sequence[Sample],
    good: Sequence[Sample],
    by: str,
    run: RunContext,
    lines: Lines,
) -> list[tuple[Sample, Result]]:
    """Learns the known defects that the person `by` gave, and reports on it. Returns the images whose labels look
    wrong, with their results."""
    from psdl.training.lesson import words

    lesson = detector.learn_defects(known, by, run)
    lines.say(*words(lesson, [sample.name for sample in known]))
    doubtful = [known[n] for n in lesson.like_good]
    doubtful += [sample for sample in good if sample.name in lesson.like_defects]
    return list(zip(doubtful, detector.results(doubtful, run.jobs), strict=True))
