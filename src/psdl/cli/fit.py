"""psdl fit: good images -> a model file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from psdl.cli import options
from psdl.errors import PsdlError

SETTLED = (
    *("recipe", "arch", "type", "layer", "sparsity", "iterations", "folds", "seed", "each", "weights", "resize"),
    *("size", "tile", "budget", "roi", "align", "light", "groups", "bit_depth", "false_reject", "review"),
    *("confidence", "calibrate", "defects"),
)  # options that --extend leaves no room for


def fit(
    context: typer.Context,
    data: options.Data,
    model: Annotated[Path, typer.Option(help="The model file to write; with --each, the folder to fill.")],
    extend: Annotated[
        str | None,
        typer.Option(
            help="A model that is to know these good images too, without those it was learned from; its settings"
            " stay."
        ),
    ] = None,
    by: options.By = "",
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
    confidence: options.Confidence = 0.0,
    calibrate: options.Calibrate = None,
    defects: options.Defects = None,
    drop: options.Drop = None,
    suspects: options.Suspects = None,
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
    device: options.Device = "auto",
    jobs: options.Jobs = None,
    cluster: options.Cluster = None,
    quiet: options.Quiet = False,
) -> None:
    """Learn from good images and write a model file."""
    from psdl.cli.lines import Lines
    from psdl.jobs import opened

    lines = Lines(quiet)
    if extend:
        _check_settings(context)
    samples, rule = lines.read(data, layout, category, parts)
    values = options.resolved(context)
    with opened(jobs, cluster, lines.say) as work:
        if extend:
            extend_model(extend, samples, model, values, lines, work)
        else:
            learn_models(samples, rule, model, values, lines, work)


def _check_settings(context: typer.Context) -> None:
    """Raises PsdlError on options that a model which is extended has settled."""
    for name in SETTLED:
        source = context.get_parameter_source(name)
        if source is not None and source.name != "DEFAULT":
            flag = f"--{name.replace('_', '-')}"
            raise PsdlError(f"{flag} was given with --extend, but the model has settled that: leave it out")


def extend_model(old: str, samples: Any, model: Path, values: dict[str, Any], lines: Any, work: Any) -> None:
    """Writes the model `old` with the good images among the samples added. work: where it is done."""
    import getpass

    from psdl.api import Detector
    from psdl.calibrate.guarantee import promise
    from psdl.datasets import check
    from psdl.datasets.read import without
    from psdl.model.file import check_target
    from psdl.workflows.extend import extended

    check_target(model)
    detector = Detector.load(old, values["device"])
    rule = detector.recipe.input
    good, _ = without(check.learning(samples), values["drop"])
    good = check.learning(lines.usable(good, rule, values["on_error"], values["jobs"]).samples)
    lines.say(*check.check(good, rule, map).lines)
    lines.say(*check.strangers(detector.model.categories, good))
    with lines.progress() as tell:
        new = extended(detector, good, values["by"] or getpass.getuser(), work, tell)
    new.save(model)
    lines.say(f"wrote {model}", *promise(new.model.calibration))


def learn_models(
    samples: Any, rule: Any, model: Path, values: dict[str, Any], lines: Any, work: Any
) -> dict[str, Path]:
    """Learns one model, or one for each category; {category: its model file}. Writes the page of suspects. work:
    where it is done, see `jobs.opened`."""
    from dataclasses import replace
    from functools import partial

    from psdl.cli.calibrate import good_of
    from psdl.cli.defects import defects_of
    from psdl.datasets import check
    from psdl.datasets.read import without
    from psdl.jobs import over, runner
    from psdl.model.file import check_target, model_files
    from psdl.report import page
    from psdl.training.roi import roi_files

    files = model_files(model, samples, values["each"])
    rois = roi_files(values["roi"], sorted(files), values["each"])
    rule = check.deepened(rule, values["bit_depth"])
    known = defects_of(values, rule, lines) if values.get("defects") else ()
    both, dropped = without((*check.learning(samples), *known), values["drop"])
    good, known = tuple(s for s in both if s not in known), tuple(s for s in both if s in known)
    # Any white will do here: what it is will be learned.
    usable = lines.usable(good, replace(rule, white=rule.white or 1.0), values["on_error"], values["jobs"])
    good, dropped = check.learning(usable.samples), (*dropped, *(s.name for s, _ in usable.skipped))
    calibrating = good_of(values["calibrate"], values, rule, lines) if values["calibrate"] else None
    if values["suspects"]:
        page.check_target(Path(values["suspects"]))
    if values["each"]:
        model.mkdir(parents=True, exist_ok=True)
    for file in set(files.values()):
        check_target(file)
    if dropped:
        lines.say(f"{len(dropped)} images left out, as --drop or --on-error skip asks")
    wanted = sorted(set(files.values()))

    def one(file: Path, tell: Any) -> Any:
        chosen, others = [s for s in good if files[s.category] == file], calibrating
        if calibrating and values["each"]:
            others = check.learning([s for s in calibrating if files.get(s.category) == file])
        name = chosen[0].category
        shown = [replace(s, category=name) for s in known if not values["each"] or s.category == name]
        own = values | {"roi": rois[name], "known": shown}
        said = lines.of(name) if len(wanted) > 1 else lines
        return _learn_one(chosen, rule, file, own, dropped, others, said, work, said.telling(tell))

    with lines.progress() as tell:
        strangest = [found for some in over(work)(partial(one, tell=tell), wanted) for found in some]
    if values["suspects"]:
        target, run = Path(values["suspects"]), runner(values["jobs"])
        page.write_suspects(strangest, target, lambda sample: files[sample.category], run)
        lines.say(f"wrote {values['suspects']}")
    return files


def _affordable(recipe: Any, rule: Any, values: dict[str, Any], lines: Any) -> int:
    """The input size for a time budget; says what it will take."""
    import os

    from psdl.training import latency

    for name in ("size", "tile"):
        if values[name] is not None:
            raise PsdlError(f"--{name} was given with --budget, which chooses the input size: leave one out")
    if values["resize"] == "none":
        raise PsdlError("--resize none was given with --budget, which chooses the input size: leave one out")
    threads = os.cpu_count() or 1
    side, took = latency.side(recipe, rule, values["budget"], values["weights"], values["device"], threads)
    lines.say(
        f"input size {side}: judging an image takes about {took:.0f} ms here, of {values['budget']:g} allowed"
    )
    return side


def _learn_one(
    samples: Any,
    rule: Any,
    file: Path,
    values: dict[str, Any],
    dropped: tuple[str, ...],
    calibrating: Any,
    lines: Any,
    work: Any,
    tell: Any,
) -> Any:
    """Writes one model file, its thresholds set on the images `calibrating` if there are any; returns the good
    images that look least like the rest, as judged unseen."""
    from dataclasses import replace
    from functools import partial

    from psdl.api import Detector
    from psdl.calibrate.guarantee import promise
    from psdl.cli.calibrate import on_images
    from psdl.cli.defects import learn_defects
    from psdl.datasets import check
    from psdl.model import recipes
    from psdl.training import checkpoint, memory
    from psdl.training.defects import check_count

    names = ("arch", "type", "layer", "sparsity", "iterations", "folds", "seed", "tile", "light")
    recipe = recipes.recipe(values["recipe"], **{name: values[name] for name in names})
    rates = {"alarm": values["false_reject"], "review": values["review"], "confidence": values["confidence"]}
    good, known = check.learning(samples), values.pop("known")
    if known:
        check_count(len(calibrating or good), bool(calibrating))
    rule = recipe.input or rule
    found = check.check(good, rule, map)
    lines.say(*found.lines)
    resize = values["resize"] or ("none" if values["tile"] and not values["size"] else None)
    side = values["size"]
    if values["budget"] is not None:
        side = _affordable(recipe, partial(check.sized, rule, found.sizes, resize), values, lines)
    rule = check.sized(rule, found.sizes, resize, side)
    lines.say(*check.shrunk(rule, found.sizes, max(part.scale for part in recipe.parts)))
    detector = Detector(replace(recipe, input=rule), **rates, device=values["device"])
    going = checkpoint.folder_of(file)
    settings = {"going": going, "weights": values["weights"], "jobs": work, "options": values, "dropped": dropped}
    settings |= {"max_memory": memory.size_of(values["max_memory"]), "say": lines.say}
    settings |= {"groups": values["groups"], "roi": values["roi"], "align": values["align"]}
    detector.fit(good, **settings, progress=tell)
    strangest = detector.strangest
    if values["align"] == "auto":
        lines.say(f"alignment: {detector.alignment}, as held-out good images say")
    lines.say(detector.model.calibration.origin)
    if calibrating:
        lines.say(*on_images(detector, calibrating, {}, "", work, lines))
    doubtful = learn_defects(detector, known, good, work, lines) if known else []
    detector.save(file)
    checkpoint.finished(going)
    least = ", ".join(f"{sample.name} ({result.score:.4g})" for sample, result in strangest[:3])
    lines.say(f"wrote {file}", *promise(detector.model.calibration), f"least like the other good images: {least}")
    return [*doubtful, *strangest]
