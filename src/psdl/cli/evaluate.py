"""psdl evaluate: a model and labelled test images -> metrics, a table and pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from psdl.cli import options

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psdl.cli.lines import Lines
    from psdl.types import Run, Sample


def evaluate(
    model: Annotated[str, typer.Argument(help="Model file, or the folder that fit --each filled.")],
    data: options.Data,
    out: Annotated[Path, typer.Option(help="Folder for metrics.json, images.csv, images.jsonl and pictures.")],
    config: options.Config = None,
    images: options.Images = 8,
    seed: options.Seed = 0,
    category: options.Category = None,
    layout: options.Layout = None,
    parts: options.Parts = None,
    on_error: options.OnError = "fail",
    maps: options.Maps = False,
    device: options.Device = "auto",
    jobs: options.Jobs = None,
    cluster: options.Cluster = None,
    quiet: options.Quiet = False,
) -> None:
    """Measure a model on labelled test images."""
    from psdl.cli.lines import Lines, Reading
    from psdl.jobs import opened
    from psdl.model.file import model_files

    lines = Lines(quiet)
    samples = lines.read(data, Reading(layout, category, parts)).samples
    files = model_files(Path(model), samples, Path(model).is_dir())
    with opened(jobs, cluster, lines.say) as work:
        Measuring(lines, out, work, device, on_error, images, seed, maps).measure(files, samples)


@dataclass(frozen=True)
class Measuring:
    """Measuring as the command line does it: who is told, where results go, where it works; images: how many
    pictures are drawn for each category, chosen by `seed`; maps: whether each image's map is written."""

    lines: Lines
    out: Path
    work: int | Run | None
    device: str = "auto"
    on_error: str = "fail"
    images: int = 8
    seed: int = 0
    maps: bool = False

    def measure(self, files: dict[str, Path], samples: Sequence[Sample], facts: str = "") -> Any:
        """Judges the test images by their category's model and writes what came out, `facts` first; returns the
        images drawn."""
        import time

        from psdl.api import Detector
        from psdl.datasets import check
        from psdl.report import page, pictures, tables
        from psdl.workflows import resume

        lines, test = self.lines, check.testing(samples)
        detectors = {file: Detector.load(file, self.device) for file in set(files.values())}
        skipped: list[Any] = []
        usable = {}
        for file, detector in detectors.items():
            inside = [s for s in test if files[s.category] == file]
            found = lines.usable(inside, detector.recipe.input, self.on_error)
            skipped += found.skipped
            usable[file] = found.samples
            lines.say(*check.check(found.samples, detector.recipe.input, map).lines)
            lines.say(*check.strangers(detector.model.categories, found.samples))
        count = len(test) - len(skipped)
        judged = []
        with lines.progress() as tell:
            start = time.perf_counter()
            for file, detector in detectors.items():
                for pair in resume.results(detector, usable[file], self.out, self.work):
                    judged.append(pair)
                    tell("scores", 1, count)
            facts += page.facts(count, time.perf_counter() - start)
            judged.sort(key=lambda pair: (pair[0].category, pair[0].name))
            summary = tables.write(judged, self.out)
            facts += tables.write_skipped(skipped, self.out)
            drawn = pictures.sample(judged, self.images, self.seed)
            for step in self._report(judged, drawn, files, facts, summary):
                tell(*step)
        resume.finished(self.out)
        done = f"wrote metrics.json, images.csv, images.jsonl and pictures into {self.out}"
        lines.say(*tables.lines(summary), done, f"look at {self.out / 'report.html'}")
        return drawn

    def _report(
        self, judged: Any, drawn: Any, files: dict[str, Path], facts: str, summary: Any
    ) -> Iterator[tuple[str, int, int]]:
        """Writes report and pictures, step after step."""
        from psdl.jobs import near, runner
        from psdl.report import drawn as report

        return report.write(
            judged,
            drawn,
            self.out,
            with_maps=self.maps,
            model_of=lambda sample: files[sample.category],
            run=near(runner(self.work)),
            facts=facts,
            summary=summary,
        )
