"""psdl run: fit, then evaluate; the paper's main program."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from psdl.cli import options
from psdl.training.options import FitOptions


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
    calibrate: options.Calibrate = None,
    parts: options.Parts = None,
    maps: options.Maps = False,
    device: options.Device = "auto",
    jobs: options.Jobs = None,
    cluster: options.Cluster = None,
    quiet: options.Quiet = False,
) -> None:
    """Learn from the good images of a data set and measure on its test images."""
    from psdl.cli.evaluate import Measuring
    from psdl.cli.fit import Learning
    from psdl.cli.lines import Lines, Reading
    from psdl.datasets import check
    from psdl.jobs import opened

    lines, reading = Lines(quiet), Reading(layout, category, parts)
    found = lines.read(data, reading)
    if chosen.on_error == "fail":
        check.check(check.testing(found.samples), found.rule, map)
    out.mkdir(parents=True, exist_ok=True)
    with opened(jobs, cluster, lines.say) as work:
        start, learning = time.perf_counter(), Learning(lines, chosen, work, device)
        model, others = out / ("models" if each else "model.psdl"), learning.others(calibrate, reading)
        files = learning.learn(found, model, each, others, out / "suspects.html")
        facts = f"Learned in {time.perf_counter() - start:.0f} s. "
        measuring = Measuring(lines, out, work, device, chosen.on_error, images, chosen.seed, maps)
        measuring.measure(files, found.samples, facts)
