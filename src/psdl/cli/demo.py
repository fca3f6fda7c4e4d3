"""psdl demo: the whole job on two parts that are drawn here, offline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from psdl.cli import options


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the images, the model and the results.")] = Path("demo"),
    jobs: options.Jobs = None,
    quiet: options.Quiet = False,
) -> None:
    """Draw two parts, learn from good ones, find planted defects."""
    from psdl.cli.evaluate import measure
    from psdl.cli.fit import learn_models
    from psdl.cli.lines import Lines
    from psdl.cli.run import run
    from psdl.datasets.read import read
    from psdl.report.folder import prepare
    from psdl.workflows import demo as making

    lines = Lines(quiet)
    data = out / "data"
    prepare(out, "demo", overwrite=True)
    with lines.progress() as tell:
        count = making.write(data, lambda n: tell("drawing", n, making.COUNT))
    lines.say(f"drew {count} pictures of two parts, some with planted defects, into {data}")
    found = read(data)
    values = options.defaults(run) | making.SETTINGS | {"suspects": str(out / "suspects.html"), "jobs": jobs}
    files = learn_models(found.samples, found.rule, out / "models", values, lines, values["jobs"])
    drawn = measure(files, found.samples, out, values, lines, values["jobs"])
    lines.say(f"the best found defect: {making.best_picture(drawn, out)}", f"look at {out / 'report.html'}")
