"""psdl calibrate: a model and new good images, or other rates -> the model with new thresholds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from psdl.cli import options
from psdl.errors import PsdlError


def calibrate(
    context: typer.Context,
    model: Annotated[Path, typer.Argument(help="Model file.")],
    data: Annotated[
        str | None,
        typer.Argument(
            help="Good images that it has not learned from: a new lamp, a new lot.", show_default=False
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The model file to write; none if not given.")] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Change the model itself; what it was is kept as MODEL.bak.")
    ] = False,
    alone: Annotated[
        bool,
        typer.Option(
            "--alone", help="These images alone set the thresholds, also where they score like those so far."
        ),
    ] = False,
    config: options.Config = None,
    false_reject: Annotated[
        float | None, typer.Option(help="Share of good images that the threshold may reject; as before.")
    ] = None,
    review: Annotated[
        float | None, typer.Option(help="Share of good images that a person may look at; as before. 0: none.")
    ] = None,
    confidence: Annotated[
        float | None,
        typer.Option(help="How sure the threshold must be to keep its rate, 0: on average; as before."),
    ] = None,
    threshold: Annotated[float | None, typer.Option(help="A threshold set by hand.")] = None,
    feedback: Annotated[
        Path | None,
        typer.Option(
            help="CSV of corrections, columns path and verdict (OK or NG): good images join those known."
        ),
    ] = None,
    by: options.By = "",
    category: options.Category = None,
    layout: options.Layout = None,
    parts: options.Parts = None,
    on_error: options.OnError = "fail",
    device: options.Device = "auto",
    jobs: options.Jobs = None,
    quiet: options.Quiet = False,
) -> None:
    """Set a model's thresholds anew, from good images or by hand, without learning again; with neither --out nor
    --apply it says what would come of it, and changes nothing."""
    import getpass

    from psdl.api import Detector
    from psdl.calibrate.guarantee import promise, worse
    from psdl.cli.lines import Lines
    from psdl.model.file import check_target
    from psdl.workflows.feedback import corrected, read

    rates = {"alarm": false_reject, "review": review, "confidence": confidence}
    asked = (data, threshold, feedback, *rates.values())
    if all(value is None for value in asked):
        raise PsdlError(
            "nothing to calibrate with: give a folder of good images, or --feedback, --false-reject, --review,"
            " --confidence, --threshold"
        )
    if apply and out is not None:
        raise PsdlError("--apply changes the model itself, --out writes another: leave one out")
    target = model if apply else out
    lines = Lines(quiet)
    corrections = read(feedback) if feedback else ()
    if target is not None:
        check_target(target)
    detector = Detector.load(model, device)
    old = detector.model.calibration
    who = by or getpass.getuser()
    if data is not None:
        good = good_of(data, options.resolved(context), detector.recipe.input, lines)
        on_images(detector, good, rates, who, jobs, lines, join=not alone)
    if feedback is not None:
        lines.say(*corrected(detector, corrections, who, jobs))
    if threshold is not None or (data is None and any(rate is not None for rate in rates.values())):
        detector.edit(**rates, threshold=threshold, by=who)
    new = detector.model.calibration
    if target is None:
        lines.say(*promise(new), *worse(old, new), "nothing was changed: add --apply, or --out FILE, to keep this")
        return
    kept = detector.save(target)
    lines.say(f"wrote {target}", *kept_as(kept), *promise(new), *worse(old, new))


def good_of(data: str, values: dict[str, Any], rule: Any, lines: Any) -> Any:
    """The good images of a folder, their headers looked at."""
    from psdl.datasets import check

    samples, _ = lines.read(data, values["layout"], values["category"], values["parts"])
    good = lines.usable(check.learning(samples), rule, values["on_error"], values["jobs"]).samples
    lines.say(*check.check(good, rule, map).lines)
    return good


def on_images(
    detector: Any, good: Any, rates: dict[str, float | None], by: str, jobs: Any, lines: Any, join: bool = False
) -> None:
    """Calibrates on good images; says how well they agree with those of the calibration so far. join: they join
    those where they do."""
    said: list[str] = []
    with lines.progress() as tell:
        detector.calibrate(good, **rates, join=join, by=by, jobs=jobs, say=said.append, progress=tell)
    lines.say(*said)


def kept_as(kept: Path | None) -> list[str]:
    """A line on the model that was replaced, if there was one."""
    return [f"the model that was there is kept as {kept}"] if kept else []
