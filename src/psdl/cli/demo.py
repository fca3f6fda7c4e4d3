"""psdl demo: the whole job on photographs that come with scikit-image, offline."""

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
    """Make a small data set with planted defects, learn from its good tiles, find the defects."""
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
    lines.say(f"cutting good tiles and planting defects: {making.write(data)} images in {data}")
    found = read(data)
    values = options.defaults(run) | making.SETTINGS | {"suspects": str(out / "suspects.html"), "jobs": jobs}
    files = learn_models(found.samples, found.rule, out / "models", values, lines, values["jobs"])
    drawn = measure(files, found.samples, out, values, lines, values["jobs"])
    lines.say(f"look at {making.best_picture(drawn, out)}")
