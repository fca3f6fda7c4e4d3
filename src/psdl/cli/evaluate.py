"""psdl evaluate: measures a model on labelled test images, and writes metrics, a report and pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from psdl.cli import options

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psdl.api import Detector
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
    good: options.Good = None,
    bad: options.Bad = None,
    parts: options.Parts = None,
    overwrite: options.Overwrite = False,
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
    from psdl.report import folder

    lines = Lines(quiet)
    folder.check(out, overwrite)
    samples = lines.read(data, Reading(layout, category, parts, good, bad)).samples
    files = model_files(Path(model), samples, Path(model).is_dir())
    with opened(jobs, cluster, lines.say) as work:
        Measuring(lines, out, work, device, on_error, images, seed, maps, overwrite).measure(files, samples)


@dataclass(frozen=True)
class Measuring:
    """Measuring as the command line does it: where lines and results go, and where work runs. `images` is the
    number of pictures drawn for each category, chosen by `seed`. `maps` asks for the maps of all images.
    `overwrite` allows to replace the results of another run."""

    lines: Lines
    out: Path
    work: int | Run | None
    device: str = "auto"
    on_error: str = "fail"
    images: int = 8
    seed: int = 0
    maps: bool = False
    overwrite: bool = False

    def measure(self, files: dict[str, Path], samples: Sequence[Sample], facts: str = "") -> Any:
        """Judges the test images by their category's model and writes the results; `facts` comes first in the
        report. Returns the images of which pictures were drawn."""
        import time

        from psdl.api import Detector
        from psdl.datasets import check
        from psdl.jobs import runner
        from psdl.report import folder, page, pictures, tables
        from psdl.workflows import resume

        lines, test = self.lines, check.testing(samples)
        detectors = {file: Detector.load(file, self.device) for file in set(files.values())}
        skipped: list[Any] = []
        usable = {}
        for file, detector in detectors.items():
            inside = unseen([s for s in test if files[s.category] == file], detector, lines)
            found = lines.usable(inside, detector.recipe.input, self.on_error)
            skipped += found.skipped
            known = check.check(found.samples, detector.recipe.input, map)
            lines.say(*known.lines, *check.cut_away(detector.recipe.input, known.sizes))
            usable[file], said = check.with_masks(found.samples, runner(None))
            lines.say(*said)
            lines.say(*check.strangers(detector.model.categories, found.samples))
        count = sum(map(len, usable.values()))
        folder.prepare(self.out, "evaluate", self.overwrite)
        judged = []
        with lines.progress() as progress:
            start = time.perf_counter()
            for file, detector in detectors.items():
                for pair in resume.results(detector, usable[file], self.out, self.work):
                    judged.append(pair)
                    progress("scores", 1, count)
            facts += page.facts(count, time.perf_counter() - start)
            judged.sort(key=lambda pair: (pair[0].category, pair[0].name))
            summary = tables.write(judged, self.out)
            facts += tables.write_skipped((*skipped, *check.left(lines.left)), self.out)
            drawn = pictures.sample(judged, self.images, self.seed)
            for step in self._report(judged, drawn, files, facts, summary):
                progress(*step)
        resume.finished(self.out)
        done = f"wrote metrics.json, images.csv, images.jsonl and pictures into {self.out}"
        lines.say(*tables.lines(summary), *tables.doubts(judged), done, f"look at {self.out / 'report.html'}")
        return drawn

    def _report(
        self, judged: Any, drawn: Any, files: dict[str, Path], facts: str, summary: Any
    ) -> Iterator[tuple[str, int, int]]:
        """Writes report and pictures, and yields after each step."""
        from psdl.jobs import near, runner
        from psdl.report import drawn as report
        from psdl.report import page

        about = page.About(lambda sample: files[sample.category], summary, facts)
        return report.write(judged, drawn, self.out, about, near(runner(self.work)), self.maps)


def unseen(samples: Sequence[Sample], detector: Detector, lines: Lines) -> list[Sample]:
    """Returns the samples without files that the model learned from; samples of a test split all stay.

    Raises PsdlError if none is left.
    """
    from psdl.datasets.choosing import understood
    from psdl.errors import PsdlError
    from psdl.features.extractor import origin

    learned = {one.sha256 for one in detector.model.learned}
    kept = [s for n, s in enumerate(samples) if s.split == "test" or origin(s, n).sha256 not in learned]
    if not kept:
        raise PsdlError(
            f"no labelled test images to measure on: the model learned from all of these {len(samples)} images"
            f" ({understood(samples)})"
        )
    if len(kept) < len(samples):
        lines.say(f"{len(samples) - len(kept)} images that the model learned from are left out of the measurement")
    return kept
