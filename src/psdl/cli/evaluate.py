"""psdl evaluate: a model and labelled test images -> metrics, a table and pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from psdl.cli import options


def evaluate(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="Model file, or the folder that fit --each filled.")],
    data: options.Data,
    out: Annotated[Path, typer.Option(help="Folder for metrics.json, images.csv, images.jsonl and pictures.")],
    config: options.Config = None,
    images: options.Images = 8,
    seed: options.Seed = 0,
    category: options.Category = None,
    layout: options.Layout = None,
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
    from psdl.cli.lines import Lines
    from psdl.jobs import opened
    from psdl.model.file import model_files
    from psdl.report import folder

    lines = Lines(quiet)
    folder.check(out, overwrite)
    samples, _ = lines.read(data, layout, category, parts)
    files = model_files(Path(model), samples, Path(model).is_dir())
    with opened(jobs, cluster, lines.say) as work:
        measure(files, samples, out, options.resolved(context), lines, work)


def measure(files: dict[str, Path], samples: Any, out: Path, values: dict[str, Any], lines: Any, work: Any) -> Any:
    """Judges the test images by their category's model and writes what came out; returns the images drawn. work:
    where it is done, see `jobs.opened`."""
    import time

    from psdl.api import Detector
    from psdl.datasets import check
    from psdl.jobs import runner
    from psdl.report import drawn as report
    from psdl.report import folder, page, pictures, tables
    from psdl.workflows import resume

    test = check.testing(samples)
    detectors = {file: Detector.load(file, values["device"]) for file in set(files.values())}
    skipped: list[Any] = []
    usable = {}
    for file, detector in detectors.items():
        inside = [s for s in test if files[s.category] == file]
        found = lines.usable(inside, detector.recipe.input, values["on_error"], values["jobs"])
        skipped += found.skipped
        usable[file] = found.samples
        known = check.check(found.samples, detector.recipe.input, map)
        lines.say(*known.lines, *check.cut_away(detector.recipe.input, known.sizes))
        lines.say(*check.strangers(detector.model.categories, found.samples))
    count = len(test) - len(skipped)
    folder.prepare(out, "evaluate", values["overwrite"])
    judged = []
    with lines.progress() as tell:
        start = time.perf_counter()
        for file, detector in detectors.items():
            for pair in resume.results(detector, usable[file], out, work):
                judged.append(pair)
                tell("scores", 1, count)
        facts = values.get("learned", "") + page.facts(count, time.perf_counter() - start)
        judged.sort(key=lambda pair: (pair[0].category, pair[0].name))
        summary = tables.write(judged, out)
        facts += tables.write_skipped(skipped, out)
        drawn = pictures.sample(judged, values["images"], values["seed"])
        steps = report.write(
            judged,
            drawn,
            out,
            with_maps=values["maps"],
            model_of=lambda sample: files[sample.category],
            run=runner(values["jobs"]),
            facts=facts,
            summary=summary,
        )
        for step in steps:
            tell(*step)
    resume.finished(out)
    lines.say(*tables.lines(summary), f"wrote metrics.json, images.csv, images.jsonl and pictures into {out}")
    lines.say(f"look at {out / 'report.html'}")
    return drawn
