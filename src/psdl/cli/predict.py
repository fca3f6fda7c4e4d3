"""psdl predict: gives scores and verdicts of images, labelled or not."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from psdl._util import plugins
from psdl.cli import options
from psdl.errors import PsdlError, printable

FAILING = {"ng": ("NG",), "review": ("NG", "REVIEW")}


def predict(
    model: Annotated[str, typer.Argument(help="Model file.")],
    paths: Annotated[list[str], typer.Argument(help="Image files or folders.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for images.csv, images.jsonl and one picture an image.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, as in images.jsonl.")] = False,
    maps: options.Maps = False,
    overwrite: options.Overwrite = False,
    parts: options.Parts = None,
    on_error: options.OnError = "fail",
    fail_on: Annotated[
        str | None,
        typer.Option(help="ng or review: exit code 1 if any image is NG (or REVIEW) or was skipped, for scripts."),
    ] = None,
    config: options.Config = None,
    device: options.Device = "auto",
    jobs: options.Jobs = None,
    cluster: options.Cluster = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress; verdicts are always printed.")] = False,
) -> None:
    """Score images or folders; says of each whether it is OK, for REVIEW or NG (no good)."""
    from psdl.api import Detector
    from psdl.cli.lines import Lines
    from psdl.datasets import check
    from psdl.datasets.choosing import leaving
    from psdl.datasets.read import listed, with_parts
    from psdl.jobs import opened, runner
    from psdl.report import folder, page, tables
    from psdl.workflows import resume

    if fail_on not in (None, *FAILING):
        raise plugins.unknown("verdict of --fail-on", str(fail_on), list(FAILING))
    if maps and out is None:
        raise PsdlError("--maps was given without a folder for them: add --out FOLDER")
    if out is not None:
        folder.check(out, overwrite)
    detector = Detector.load(model, device)
    lines = Lines(quiet or as_json)
    found = listed(paths)
    samples, skipped = lines.usable(with_parts(found.samples, parts), detector.recipe.input, on_error)
    left = check.left(found.left)
    lines.say(*leaving(found.left))
    for sample, why in (*skipped, *left) if as_json else skipped if quiet else ():
        print(json.dumps({"path": sample.name, "skipped": why}) if as_json else f"skipped: {printable(why)}")
    known = check.check(samples, detector.recipe.input, resume.reader(samples))
    lines.say(*check.cut_away(detector.recipe.input, known.sizes))
    if out is not None:
        folder.prepare(out, "predict", overwrite)
    judged, start = [], time.perf_counter()
    with opened(jobs, cluster, lines.say) as work:
        for sample, result in resume.results(detector, samples, out, work):
            said = _line(result.verdict.verdict, result.score, result.verdict.threshold, sample.path)
            said += "  (learned from it; its score as if unseen)" if result.learned else ""
            print(json.dumps(tables.row(sample, result)) if as_json else said, flush=True)
            judged.append((sample, result if out is not None else result.without_map()))
    facts = page.facts(len(judged), time.perf_counter() - start)
    parts_judged = tables.part_rows(judged)
    if not as_json:
        for row in parts_judged:
            print(_line(row["verdict"], row["score"], row["threshold"], f"part {row['part']}"))
    if out is not None:
        facts += tables.write_skipped((*skipped, *left), out)
        _write(judged, out, maps, Path(model), facts, runner(jobs), quiet)
        resume.finished(out)
    lines.say(*_summary(parts_judged, judged, len(skipped), out))
    verdicts = [row["verdict"] for row in parts_judged] + [r.verdict.verdict for s, r in judged if not s.part]
    if fail_on and (skipped or any(one.kind == "unread" for one in found.left)):
        raise typer.Exit(1)
    if any(verdict in FAILING.get(fail_on or "", ()) for verdict in verdicts):
        raise typer.Exit(1)


def _summary(
    parts: list[dict[str, Any]], judged: list[tuple[Any, Any]], skipped: int, out: Path | None
) -> list[str]:
    """Returns lines that count the verdicts and name the report."""
    what = [("parts", [row["verdict"] for row in parts])] if parts else []
    what += [("images", [r.verdict.verdict for s, r in judged if not s.part])] if not parts or judged else []
    said = []
    for name, verdicts in what:
        if verdicts:
            counts = ", ".join(f"{verdicts.count(one)} {one}" for one in ("NG", "REVIEW", "OK"))
            said.append(f"{counts} of {len(verdicts)} {name}")
    if skipped:
        said.append(f"{skipped} could not be used")
    lines = ["; ".join(said)] if said else []
    return lines + ([f"look at {out / 'report.html'}"] if out is not None else [])


def _line(verdict: str, score: float, threshold: float, name: str) -> str:
    return f"{verdict:6}  {score:10.4g}  (threshold {threshold:.4g})  {printable(name)}"


def _write(
    judged: list[tuple[Any, Any]], out: Path, with_maps: bool, model: Path, facts: str, run: Any, quiet: bool
) -> None:
    from psdl.cli.lines import Lines
    from psdl.report import drawn, page, tables

    with Lines(quiet).progress() as progress:
        tables.write_images(judged, out)
        about = page.About(lambda _: model, None, facts)
        for step in drawn.write(judged, judged, out, about, run, with_maps):
            progress(*step)
