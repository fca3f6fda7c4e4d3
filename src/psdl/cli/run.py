"""psdl run: fit, then evaluate; the paper's main program."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from psdl.cli import options


def run(
    context: typer.Context,
    data: options.Data,
    out: Annotated[
        Path, typer.Option(help="Folder for the model, metrics.json, images.csv, images.jsonl and pictures.")
    ],
    config: options.Config = None,
    recipe: options.Recipe = None,
    arch: options.Arch = None,
    type: options.Type = None,  # noqa: A002 the option's name
    layer: options.Layer = None,
    sparsity: options.Sparsity = None,
    iterations: options.Iterations = None,
    folds: options.Folds = None,
    images: options.Images = 8,
    seed: options.Seed = 0,
    category: options.Category = None,
    each: options.Each = False,
    layout: options.Layout = None,
    weights: options.Weights = None,
    false_reject: options.FalseReject = 0.01,
    review: options.Review = None,
    confidence: options.Confidence = 0.0,
    calibrate: options.Calibrate = None,
    drop: options.Drop = None,
    parts: options.Parts = None,
    resize: options.Resize = None,
    size: options.Size = None,
    budget: options.Budget = None,
    tile: options.Tile = None,
    roi: options.Roi = None,
    align: options.Align = "none",
    light: options.Light = None,
    groups: options.Groups = "auto",
    max_memory: options.MaxMemory = None,
    bit_depth: options.BitDepth = None,
    on_error: options.OnError = "fail",
    maps: options.Maps = False,
    overwrite: options.Overwrite = False,
    device: options.Device = "auto",
    jobs: options.Jobs = None,
    cluster: options.Cluster = None,
    quiet: options.Quiet = False,
) -> None:
    """Learn from the good images of a data set and measure on its test images."""
    from psdl.cli.evaluate import measure
    from psdl.cli.fit import learn_models
    from psdl.cli.lines import Lines
    from psdl.datasets import check
    from psdl.jobs import opened
    from psdl.report import folder

    lines = Lines(quiet)
    folder.check(out, overwrite)
    values = options.resolved(context) | {"suspects": str(out / "suspects.html")}
    samples, rule = lines.read(data, layout, category, parts, options.published(values))
    if on_error == "fail":
        check.check(check.testing(samples), rule, map)
    out.mkdir(parents=True, exist_ok=True)
    with opened(jobs, cluster, lines.say) as work:
        start = time.perf_counter()
        files = learn_models(samples, rule, out / ("models" if each else "model.psdl"), values, lines, work)
        values["learned"] = f"Learned in {time.perf_counter() - start:.0f} s. "
        measure(files, samples, out, values, lines, work)
