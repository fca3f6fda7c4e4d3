"""psdl fit: good images -> a model file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from psdl.cli import options


def fit(
    context: typer.Context,
    data: options.Data,
    model: Annotated[Path, typer.Option(help="The model file to write; with --each, the folder to fill.")],
    config: options.Config = None,
    recipe: options.Recipe = None,
    arch: options.Arch = None,
    type: options.Type = None,  # noqa: A002 the option's name
    layer: options.Layer = None,
    sparsity: options.Sparsity = None,
    iterations: options.Iterations = None,
    folds: options.Folds = None,
    seed: options.Seed = 0,
    category: options.Category = None,
    each: options.Each = False,
    layout: options.Layout = None,
    weights: options.Weights = None,
    false_reject: options.FalseReject = 0.01,
    review: options.Review = None,
    device: options.Device = "auto",
    jobs: options.Jobs = None,
    quiet: options.Quiet = False,
) -> None:
    """Learn from good images and write a model file."""
    from psdl.cli.lines import Lines

    lines = Lines(quiet)
    samples, rule = lines.read(data, layout, category)
    learn_models(samples, rule, model, options.resolved(context), lines)


def learn_models(samples: Any, rule: Any, model: Path, values: dict[str, Any], lines: Any) -> dict[str, Path]:
    """Learns one model, or one for each category; {category: its model file}."""
    from psdl.modelfile import check_target, model_files

    files = model_files(model, samples, values["each"])
    if values["each"]:
        model.mkdir(parents=True, exist_ok=True)
    for file in set(files.values()):
        check_target(file)
    for file in sorted(set(files.values())):
        chosen = [s for s in samples if files[s.category] == file]
        _learn_one(chosen, rule, file, values, lines)
    return files


def _learn_one(samples: Any, rule: Any, file: Path, values: dict[str, Any], lines: Any) -> None:
    from dataclasses import replace

    from psdl import calibrate, check, recipes
    from psdl.detector import Detector

    names = ("arch", "type", "layer", "sparsity", "iterations", "folds", "seed")
    recipe = recipes.recipe(values["recipe"], **{name: values[name] for name in names})
    recipe = recipe if recipe.input else replace(recipe, input=rule)
    detector = Detector(recipe, alarm=values["false_reject"], review=values["review"], device=values["device"])
    good = check.learning(samples)
    lines.say(*check.check(good, detector.recipe.input, map).lines)
    with lines.progress() as tell:
        detector.fit(good, weights=values["weights"], jobs=values["jobs"], options=values, progress=tell)
    detector.save(file)
    lines.say(f"wrote {file}", *calibrate.promise(detector.model.calibration))
