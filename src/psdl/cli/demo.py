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
    lines.say(f"cutting good tiles and planting defects: {making.write(data)} images in {data}")
    learning = Learning(lines, FitOptions(**making.OPTIONS), jobs, "auto")
    found = read(data)
    files = learning.learn(found, out / "models", True, suspects=out / "suspects.html")
    measuring = Measuring(lines, out, jobs, images=making.PICTURES, seed=making.SEED)
    drawn = measuring.measure(files, found.samples)
    lines.say(f"look at {making.best_picture(drawn, out)}")
