"""Draws all that is drawn of judged images: pictures, maps and the report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from psdl.report import maps, page, pictures
from psdl.report.places import places
from psdl.report.tables import Judged
from psdl.types import Run


def write(
    judged: Judged, chosen: Judged, out: Path, about: page.About, run: Run, with_maps: bool = False
) -> Iterator[tuple[str, int, int]]:
    """Writes a picture of each of `chosen`, the maps of all images if `with_maps` is set, and report.html.

    Yields (stage, 1, number of files of the stage) after each. `about` and `run` are as in `page.write`.
    """
    where = places([sample for sample, _ in judged])
    stages = {
        "pictures": pictures.write(chosen, out, where),
        "maps": maps.write(judged if with_maps else [], out, where),
        "report": page.write(judged, out / "report.html", about, run),
    }
    for stage, steps in stages.items():
        for done, total in steps:
            yield stage, done, total
