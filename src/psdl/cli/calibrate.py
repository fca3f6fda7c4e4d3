"""psdl calibrate: a model and new good images, or other rates -> the model with new thresholds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from psdl.cli import options
from psdl.errors import PsdlError


def calibrate(
    model: Annotated[Path, typer.Argument(help="Model file.")],
    data: Annotated[
        str | None,
        typer.Argument(
            help="Good images that it has not learned from: a new lamp, a new lot.", show_default=False
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The model file to write; the same one if not given.")] = None,
    config: options.Config = None,
    false_reject: Annotated[
        float | None, typer.Option(help="Share of good images that the threshold may reject; as before.")
    ] = None,
    review: Annotated[
        float | None, typer.Option(help="Share of good images that a person may look at; as before. 0: none.")
    ] = None,
    threshold: Annotated[float | None, typer.Option(help="A threshold set by hand.")] = None,
    category: options.Category = None,
    layout: options.Layout = None,
    device: options.Device = "auto",
    jobs: options.Jobs = None,
    quiet: options.Quiet = False,
) -> None:
    """Set a model's thresholds anew, from good images or by hand, without learning again."""
    from psdl import calibrate as calibration
    from psdl.cli.lines import Lines
    from psdl.detector import Detector
    from psdl.modelfile import check_target

    if data is None and false_reject is None and review is None and threshold is None:
        raise PsdlError(
            "nothing to calibrate with: give a folder of good images, or --false-reject, --review, --threshold"
        )
    lines = Lines(quiet)
    check_target(out or model)
    detector = Detector.load(model, device)
    if data is not None:
        rates = {"alarm": false_reject, "review": review}
        lines.say(*_measured(detector, data, layout, category, rates, jobs, lines))
    if data is None or threshold is not None:
        detector.edit(alarm=false_reject, review=review, threshold=threshold)
    detector.save(out or model)
    lines.say(f"wrote {out or model}", *calibration.promise(detector.model.calibration))


def _measured(
    detector: Any,
    data: str,
    layout: str | None,
    category: list[str] | None,
    rates: dict[str, float | None],
    jobs: int | None,
    lines: Any,
) -> list[str]:
    """Calibrates on the good images of a folder; says how well they agree with those of the calibration so far."""
    from psdl import calibrate as calibration
    from psdl import check

    samples, _ = lines.read(data, layout, category)
    good = check.learning(samples)
    lines.say(*check.check(good, detector.recipe.input, map).lines)
    old = detector.model.calibration
    with lines.progress() as tell:
        detector.calibrate(good, **rates, jobs=jobs, progress=tell)
    return calibration.agreement(old, detector.model.calibration)
