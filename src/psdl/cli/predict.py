"""psdl predict: a model and images, labelled or not -> scores and verdicts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from psdl.cli import options


def predict(
    model: Annotated[str, typer.Argument(help="Model file.")],
    paths: Annotated[list[str], typer.Argument(help="Image files or folders.")],
    out: Annotated[Path | None, typer.Option(help="Folder for images.csv and one picture for each image.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    config: options.Config = None,
    device: options.Device = "auto",
    jobs: options.Jobs = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress; verdicts are always printed.")] = False,
) -> None:
    """Score images or folders; says of each whether it is OK or NG (no good)."""
    from psdl import check
    from psdl.data.read import listed
    from psdl.detector import Detector

    detector = Detector.load(model, device)
    samples = listed(paths)
    check.check(samples, detector.recipe.input, map)
    judged = []
    for sample, result in zip(samples, detector.results(samples, jobs), strict=True):
        print(json.dumps(row(sample, result)) if as_json else line(sample, result), flush=True)
        if out is not None:
            judged.append((sample, result))
    if out is not None:
        _write(judged, out, quiet)


def row(sample: Any, result: Any) -> dict[str, Any]:
    """What --json prints of one image."""
    verdict = result.verdict
    return {
        "path": sample.path,
        "score": result.score,
        "threshold": verdict.threshold,
        "verdict": verdict.verdict,
        "p_value": verdict.p_value,
    }


def line(sample: Any, result: Any) -> str:
    """What is printed of one image."""
    verdict = result.verdict
    return f"{verdict.verdict}  {result.score:10.4g}  (threshold {verdict.threshold:.4g})  {sample.path}"


def _write(judged: list[tuple[Any, Any]], out: Path, quiet: bool) -> None:
    from psdl.cli.lines import Lines
    from psdl.report import pictures, tables

    with Lines(quiet).progress() as tell:
        tables.write_images(judged, out)
        for done, total in pictures.write(judged, out):
            tell("pictures", done, total)
