"""psdl drift: checks whether images still look like those that a model learned from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from psdl.cli import options
from psdl.errors import PsdlError


def drift(
    model: Annotated[str, typer.Argument(help="Model file.")],
    results: Annotated[
        list[Path], typer.Argument(help="images.jsonl files, or folders that hold one, the oldest first.")
    ],
    delta: Annotated[
        float, typer.Option(min=1e-9, max=0.5, help="Chance of any alarm, ever, while nothing has changed.")
    ] = 0.01,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of sentences.")] = False,
    fail: Annotated[bool, typer.Option("--fail", help="Exit code 1 if the world looks changed now.")] = False,
    quiet: options.Quiet = False,
) -> None:
    """Compare judged images with those learned from; says what changed: lamp, focus, size, or the parts."""
    from dataclasses import asdict

    from psdl.api import Detector
    from psdl.cli.lines import Lines
    from psdl.deploy.drift import Monitor, seen

    monitor = Monitor(Detector.load(model).model, delta)
    if not monitor.able:
        raise PsdlError(
            f"{model} was learned from so few items that no change could be told from luck at --delta {delta:g}:"
            " fit it from more, or give a larger --delta"
        )
    for where, row in _rows(results):
        try:
            seen(monitor, row)
        except (KeyError, TypeError, ValueError):
            raise PsdlError(
                f"{where} is no line that this psdl's predict, run or watch wrote: judge anew"
            ) from None
    if as_json:
        found: dict[str, Any] = {"images": monitor.images, "evidence": monitor.evidence}
        found |= {"now": [asdict(alarm) for alarm in monitor.now], "alarms": [asdict(a) for a in monitor.alarms]}
        print(json.dumps(found))
    else:
        lines = Lines(quiet)
        lines.say(*(f"image {alarm.image}: {alarm.sentence}" for alarm in monitor.alarms))
        if monitor.now:
            lines.say(f"{monitor.images} images: changed, and still so: {', '.join(a.word for a in monitor.now)}")
        else:
            lines.say(f"{monitor.images} images: nothing says that the world has changed{_once(monitor.alarms)}")
    if fail and monitor.now:
        raise typer.Exit(1)


def _once(alarms: list[Any]) -> str:
    return " for good" if alarms else ""


def _rows(results: list[Path]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields each line of the files with its place; lines of images that could not be read are left out. Raises
    PsdlError on files that cannot be read and on lines that are no JSON objects."""
    from psdl.deploy.watch.journal import files_of

    for file in [file for path in results for file in (files_of(path) if path.is_dir() else [path])]:
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise PsdlError(f"{file} cannot be read ({error}): give an images.jsonl, or its folder") from None
        for n, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            if not isinstance(row, dict):
                raise PsdlError(f"{file} line {n} is no JSON object: give an images.jsonl that psdl wrote")
            if "error" not in row:
                yield f"{file} line {n}", row
