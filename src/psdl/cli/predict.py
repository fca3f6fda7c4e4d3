"""psdl predict: a model and images, labelled or not -> scores and verdicts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from psdl import plugins
from psdl.cli import options
from psdl.errors import PsdlError

FAILING = {"ng": ("NG",), "review": ("NG", "REVIEW")}


def predict(
    model: Annotated[str, typer.Argument(help="Model file.")],
    paths: Annotated[list[str], typer.Argument(help="Image files or folders.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for images.csv, images.jsonl and one picture an image.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, as in images.jsonl.")] = False,
    maps: options.Maps = False,
    fail_on: Annotated[
        str | None,
        typer.Option(
            help="ng or review: exit code 1 if any image is NG (or REVIEW), so that a script can act on it."
        ),
    ] = None,
    config: options.Config = None,
    device: options.Device = "auto",
    jobs: options.Jobs = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress; verdicts are always printed.")] = False,
) -> None:
    """Score images or folders; says of each whether it is OK, for REVIEW or NG (no good)."""
    from psdl import check
    from psdl.data.read import listed
    from psdl.detector import Detector
    from psdl.report import tables

    if fail_on not in (None, *FAILING):
        raise plugins.unknown("verdict of --fail-on", str(fail_on), list(FAILING))
    if maps and out is None:
        raise PsdlError("--maps was given without a folder for them: add --out FOLDER")
    detector = Detector.load(model, device)
    samples = listed(paths)
    check.check(samples, detector.recipe.input, map)
    judged, failing = [], 0
    for sample, result in zip(samples, detector.results(samples, jobs), strict=True):
        print(json.dumps(tables.row(sample, result)) if as_json else line(sample, result), flush=True)
        failing += result.verdict.verdict in FAILING.get(fail_on or "", ())
        if out is not None:
            judged.append((sample, result))
    if out is not None:
        _write(judged, out, maps, quiet)
    if failing:
        raise typer.Exit(1)


def line(sample: Any, result: Any) -> str:
    """What is printed of one image."""
    verdict = result.verdict
    return f"{verdict.verdict:6}  {result.score:10.4g}  (threshold {verdict.threshold:.4g})  {sample.path}"


def _write(judged: list[tuple[Any, Any]], out: Path, with_maps: bool, quiet: bool) -> None:
    from psdl.cli.lines import Lines
    from psdl.report import maps, pictures, tables

    with Lines(quiet).progress() as tell:
        tables.write_images(judged, out)
        for done, total in pictures.write(judged, out):
            tell("pictures", done, total)
        for done, total in maps.write(judged if with_maps else [], out):
            tell("maps", done, total)
