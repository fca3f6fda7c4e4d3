"""psdl demo: all steps on pictures of two parts that are drawn here, offline."""

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
    from psdl.cli.evaluate import Measuring
    from psdl.cli.fit import Learning
    from psdl.cli.lines import Lines
    from psdl.datasets.read import read
    from psdl.report.folder import prepare
    from psdl.training.options import FitOptions
    from psdl.workflows import demo as making

    lines = Lines(quiet)
    data = out / "data"
    prepare(out, "demo", overwrite=True)
    with lines.progress() as progress:
        count = making.write(data, lambda n: progress("drawing", n, making.COUNT))
    lines.say(f"drew {count} pictures of two parts, some with planted defects, into {data}")
    learning = Learning(lines, FitOptions(**making.OPTIONS), jobs, "auto")
    found = read(data)
    files = learning.learn(found, out / "models", True, suspects=out / "suspects.html")
    measuring = Measuring(lines, out, jobs, images=making.PICTURES, seed=making.SEED, overwrite=True)
    drawn = measuring.measure(files, found.samples)
    lines.say(f"the best found defect: {making.best_picture(drawn, out)}", f"look at {out / 'report.html'}")
