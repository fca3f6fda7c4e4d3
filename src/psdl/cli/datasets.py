"""psdl datasets: checks and splits a data set before anything is learned from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from psdl.cli import options

datasets = typer.Typer(no_args_is_help=True, help="Look at a data set before anything is learned from it.")


@datasets.command()
def check(
    data: options.Data,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of lines.")] = False,
    category: options.Category = None,
    layout: options.Layout = None,
    good: options.Good = None,
    bad: options.Bad = None,
    jobs: options.Jobs = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress; what was found is always printed.")] = False,
) -> None:
    """Say what a folder holds, what cannot be read, which images show one item twice, whether its split leaks.

    Exit code 2 where work could not start: a file that cannot be read, or no good images.
    """
    from psdl.cli.lines import Lines, Reading
    from psdl.datasets import survey
    from psdl.datasets.choosing import folders, learning
    from psdl.errors import PsdlError, printable
    from psdl.jobs import runner

    lines = Lines(quiet)
    read = Lines(quiet or as_json).read(data, Reading(layout, category, None, good, bad))
    samples = read.samples
    with lines.progress() as progress:
        found = survey.survey(samples, runner(jobs), progress)
    if as_json:
        left = [{"path": one.name, "reason": one.why} for one in read.left]
        print(json.dumps(found.values() | {"left_out": left, "folders": folders(samples)}, indent=2))
    else:
        print(*map(printable, survey.lines(found)), sep="\n")
    if found.unreadable:
        raise PsdlError(
            f"{len(found.unreadable)} of {len(samples)} files cannot be used, the first: {found.unreadable[0]}"
        )
    learning(samples)


@datasets.command()
def split(
    data: options.Data,
    out: Annotated[Path, typer.Option(help="The table to write, such as split.csv; no image is moved.")],
    test: Annotated[float, typer.Option(help="Share of the good images to test on.")] = 0.3,
    seed: Annotated[int, typer.Option(help="Seed of the draw.")] = 0,
    items: Annotated[
        str | None,
        typer.Option(
            help="Regular expression on names; pictures that give its first group the same text show one item, or"
            " come from one lot or camera."
        ),
    ] = None,
    groups: options.Groups = "auto",
    again: Annotated[bool, typer.Option("--again", help="Split anew what is split already.")] = False,
    category: options.Category = None,
    layout: options.Layout = None,
    good: options.Good = None,
    bad: options.Bad = None,
    jobs: options.Jobs = None,
    quiet: options.Quiet = False,
) -> None:
    """Split good images by the items they show into some to learn from and some to test on, in a table.

    The table is data itself: psdl run split.csv --out FOLDER. Defective images are all for test.
    """
    from psdl.cli.lines import Lines, Reading
    from psdl.datasets import check as checking
    from psdl.datasets import split as splitting
    from psdl.datasets.read import with_items
    from psdl.errors import PsdlError
    from psdl.jobs import runner
    from psdl.types import InputRule

    lines, run = Lines(quiet), runner(jobs)
    samples = lines.read(data, Reading(layout, category, None, good, bad)).samples
    if not again and any(s.split != "none" for s in samples):
        raise PsdlError(f"{data} is split already: use it as it is, or split it anew with --again")
    if out.suffix.lower() != ".csv" or not out.parent.is_dir():
        raise PsdlError(f"{out} cannot be written: give the name of a .csv file in a folder that is there")
    samples = with_items(samples, items)
    white = checking.levelled(InputRule(), [s for s in samples if not s.label], run).white
    with lines.progress() as progress:
        found = splitting.by_items(samples, test, seed, groups, run, progress, white)
    splitting.write(found.samples, out)
    lines.say(found.said, *checking.counted(found.samples), f"wrote {out}")
