"""Judged images -> all that is drawn of them: pictures, maps and the report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from psdl.report import maps, page, pictures
from psdl.report.places import places
from psdl.report.tables import Judged
from psdl.types import Run, Sample


def write(
    judged: Judged,
    chosen: Judged,
    out: Path,
    *,
    with_maps: bool,
    model_of: Callable[[Sample], Path],
    run: Run,
    facts: str,
    summary: Mapping[str, Any] | None = None,
) -> Iterator[tuple[str, int, int]]:
    """Writes a picture of each of `chosen`, with `with_maps` the maps of all, and report.html; yields (stage, 1,
    how many in all) after each. What follows is as `page.write` has it."""
    where = places([sample for sample, _ in judged])
    stages = {
        "pictures": pictures.write(chosen, out, where),
        "maps": maps.write(judged if with_maps else [], out, where),
        "report": page.write(judged, out / "report.html", model_of, run, summary, facts),
    }
    for stage, steps in stages.items():
        for done, total in steps:
            yield stage, done, total
