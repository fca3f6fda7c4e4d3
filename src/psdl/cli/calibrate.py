"""psdl calibrate: sets the thresholds of a model anew from good images, rates or a threshold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from psdl.cli import options
from psdl.errors import PsdlError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psdl.api import Detector
    from psdl.calibrate.rates import Asked
    from psdl.cli.lines import Lines, Reading
    from psdl.types import InputRule, Run, Sample


def calibrate(
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
    force: options.Force = False,
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
            help="CSV of corrections, columns path and verdict (OK or NG): good images join those known, missed"
            " defects are learned from."
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
    from psdl.cli.lines import Lines, Reading
    from psdl.model.file import check_target
    from psdl.training.lesson import regression
    from psdl.workflows.feedback import corrected, read

    rates: Asked = {"false_reject": false_reject, "review": review, "confidence": confidence}
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
    before, old = detector.model, detector.model.calibration
    who = by or getpass.getuser()
    if data is not None:
        good = good_of(lines, data, Reading(layout, category, parts), detector.recipe.input, on_error)
        on_images(detector, good, Setting(rates, not alone, force, who), lines, jobs)
    if feedback is not None:
        detector, said = corrected(detector, corrections, who, jobs, force)
        lines.say(*said)
    if threshold is not None or (data is None and any(rate is not None for rate in rates.values())):
        detector.edit(**rates, threshold=threshold, by=who)
    new = detector.model.calibration
    lines.say(*regression(before, detector.model))
    if target is None:
        lines.say(*promise(new), *worse(old, new), "nothing was changed: add --apply, or --out FILE, to keep this")
        return
    kept = detector.save(target)
    lines.say(f"wrote {target}", *kept_as(kept), *promise(new), *worse(old, new))


def good_of(
    lines: Lines, data: str, reading: Reading, rule: InputRule | None, on_error: str
) -> tuple[Sample, ...]:
    """Returns the good images of a folder, after their headers were checked. `rule` is the input rule of the
    model; None: that of the folder's layout."""
    from psdl.datasets import check

    found = lines.read(data, reading)
    rule = rule or found.rule
    good = lines.usable(check.learning(found.samples), rule, on_error).samples
    lines.say(*check.check(good, rule, map).lines)
    return good


class Setting(NamedTuple):
    """How thresholds are set on images. `rates` are those to keep. `join` adds the images to those of the present
    calibration if they agree. `force` accepts images that score as no good image does. `by` names the person."""

    rates: Asked
    join: bool = False
    force: bool = False
    by: str = ""


def on_images(
    detector: Detector, good: Sequence[Sample], how: Setting, lines: Lines, work: int | Run | None
) -> None:
    """Calibrates on good images, and says how well they agree with those of the present calibration."""
    with lines.progress() as progress:
        run = lines.context(work, progress)
        detector.calibrate(good, join=how.join, force=how.force, by=how.by, run=run, **how.rates)


def kept_as(kept: Path | None) -> list[str]:
    """Returns a line on the model that was replaced, if there was one."""
    return [f"the model that was there is kept as {kept}"] if kept else []
