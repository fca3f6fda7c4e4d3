"""psdl run: learns and evaluates; the paper's main program."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from psdl.cli import options
from psdl.training.options import FitOptions

if TYPE_CHECKING:
    from psdl.cli.lines import Lines
    from psdl.datasets.read import Found

SHARE = 0.3  # of the good images that are tested on if the data have no test part


@options.with_fit_options
def run(
    data: options.Data,
    out: Annotated[
        Path, typer.Option(help="Folder for the model, metrics.json, images.csv, images.jsonl and pictures.")
    ],
    chosen: FitOptions,
    config: options.Config = None,
    images: options.Images = 8,
    category: options.Category = None,
    each: options.Each = False,
    layout: options.Layout = None,
    good: options.Good = None,
    bad: options.Bad = None,
    calibrate: options.Calibrate = None,
    force: options.Force = False,
    parts: options.Parts = None,
    maps: options.Maps = False,
    overwrite: options.Overwrite = False,
    device: options.Device = "auto",
    jobs: options.Jobs = None,
    cluster: options.Cluster = None,
    quiet: options.Quiet = False,
) -> None:
    """Learn from the good images of a data set and measure on its test images."""
    from psdl.cli.evaluate import Measuring
    from psdl.cli.fit import Beside, Learning
    from psdl.cli.lines import Lines, Reading
    from psdl.datasets import check
    from psdl.datasets import split as splitting
    from psdl.jobs import opened
    from psdl.report import folder

    folder.check(out, overwrite)
    lines, reading = Lines(quiet), Reading(layout, category, parts, good, bad, chosen.published)
    found = lines.read(data, reading)
    divided = check.unsplit(found.samples)
    if divided:
        found = split_by_items(found, chosen, lines)
    if chosen.on_error == "fail":
        check.check(check.testing(found.samples), found.rule, map)
    out.mkdir(parents=True, exist_ok=True)
    if divided:
        splitting.write(found.samples, out / "split.csv")
    with opened(jobs, cluster, lines.say) as work:
        start, learning = time.perf_counter(), Learning(lines, chosen, work, device)
        model = out / ("models" if each else "model.psdl")
        others = Beside(learning.others(calibrate, reading._replace(good=None, bad=None)), force=force)
        files = learning.learn(found, model, each, others, out / "suspects.html")
        facts = f"Learned in {time.perf_counter() - start:.0f} s. "
        measuring = Measuring(lines, out, work, device, chosen.on_error, images, chosen.seed, maps, overwrite)
        measuring.measure(files, found.samples, facts)


def split_by_items(found: Found, chosen: FitOptions, lines: Lines) -> Found:
    """Splits data without a test part: SHARE of the good images, as whole items, and all defective ones are for
    test."""
    from psdl.datasets import check, split
    from psdl.jobs import runner

    run = runner(None)
    good = check.learning(found.samples)
    white = check.levelled(check.deepened(found.rule, chosen.bit_depth), good, run).white
    with lines.progress() as progress:
        divided = split.by_items(found.samples, SHARE, chosen.seed, chosen.groups, run, progress, white)
    tested = sum(s.split == "test" and s.label == 0 for s in divided.samples)
    lines.say(
        f"the data have no part for testing: {tested} of {len(good)} good images, whole items, and all defective"
        " ones are tested on; split.csv keeps which"
    )
    return found._replace(samples=divided.samples)
