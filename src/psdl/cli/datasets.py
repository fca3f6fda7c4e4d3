"""psdl datasets: a data set looked at before anything is learned from it."""

from __future__ import annotations

import json
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
    jobs: options.Jobs = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress; what was found is always printed.")] = False,
) -> None:
    """Say what a folder holds, what cannot be read, which images show one item twice, whether its split leaks.

    Exit code 2 where work could not start: a file that cannot be read, or no good images.
    """
    from psdl import survey
    from psdl.check import learning
    from psdl.cli.lines import Lines
    from psdl.errors import PsdlError, printable
    from psdl.jobs import runner

    lines = Lines(quiet)
    samples, _ = Lines(quiet or as_json).read(data, layout, category)
    with lines.progress() as tell:
        found = survey.survey(samples, runner(jobs), tell)
    if as_json:
        print(json.dumps(found.values(), indent=2))
    else:
        print(*map(printable, survey.lines(found)), sep="\n")
    if found.unreadable:
        raise PsdlError(
            f"{len(found.unreadable)} of {len(samples)} files cannot be used, the first: {found.unreadable[0]}"
        )
    learning(samples)
