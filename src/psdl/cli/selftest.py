"""psdl selftest: checks whether this machine judges as the one that made the model."""

from __future__ import annotations

from typing import Annotated

import typer

from psdl.cli import options
from psdl.errors import PsdlError


def selftest(
    model: Annotated[str, typer.Argument(help="Model file.")],
    device: options.Device = "auto",
    quiet: options.Quiet = False,
) -> None:
    """Score the images that a model carries, good ones and one that looks defective: scores, maps and verdicts
    must come out as where it was made."""
    from psdl.api import Detector
    from psdl.calibrate.selftest import TOLERANCE
    from psdl.cli.lines import Lines

    found = Detector.load(model, device).selftest()
    worst = max(max(pair) for pair in found)
    said = f"scores and maps of {len(found)} images lie up to {worst * TOLERANCE:.3%} of the way from"
    said += " the median to the threshold off"
    if worst == float("inf"):
        said = f"of {len(found)} images one gets another verdict, or no number at all"
    if not worst <= 1:
        raise PsdlError(
            f"this machine judges unlike the one that made {model}: {said}, where"
            f" {TOLERANCE:.0%} is allowed;"
            " do not trust its verdicts, fit the model here"
        )
    Lines(quiet).say(f"self-test passed: {said}; {TOLERANCE:.0%} is allowed")
