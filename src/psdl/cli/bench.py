"""psdl bench: measures methods on data sets over seeds, and writes one table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from psdl.cli import options
from psdl.errors import PsdlError

Which = tuple[str, str, int | None]  # path, category, and how many of its good images are learned from, None: all
ALONE = "one at a time"  # stands beside cells that had the machine to themselves
bench = typer.Typer(help="Compare methods on data sets.", no_args_is_help=True)


@bench.callback()
def _group() -> None:
    """Keeps `accuracy` a verb of its own."""


@bench.command()
def accuracy(
    data: Annotated[list[str], typer.Argument(help="Data sets with defective test images.")],
    method: Annotated[
        list[str] | None, typer.Option(help="A method; repeat it. The first is compared with the others.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds of folds and draws: so many, from 0.")] = 1,
    splits: Annotated[
        int,
        typer.Option(
            min=0, help="Random splits of the good images by item, instead of the given one: so many, from seed 0."
        ),
    ] = 0,
    images: Annotated[
        list[int] | None,
        typer.Option(
            min=2, help="Learn from so many good images, drawn by item with the seed, instead of all; repeat it."
        ),
    ] = None,
    development: Annotated[
        list[str] | None, typer.Option(help="Name of a data set on which choices were made, to be said so.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for accuracy.md, accuracy.json and the cells so far.")] = Path(
        "bench-accuracy"
    ),
    jobs: Annotated[
        int, typer.Option(help="Cells measured at a time; their costs are those of a shared machine if above 1.")
    ] = 1,
    cluster: options.Cluster = None,
    quiet: options.Quiet = False,
) -> None:
    """Learn and measure every method on every data set; accuracy, cost, wins and losses in one table."""
    import json
    from functools import partial
    from itertools import product

    from psdl.cli.lines import Lines
    from psdl.compare.methods import METHODS
    from psdl.compare.methods import method as known
    from psdl.compare.table import markdown
    from psdl.input.urls import is_url
    from psdl.jobs import opened, runner

    methods = method or list(METHODS)
    for name in methods:
        known(name, 0)
    if splits and seeds > 1:
        raise PsdlError(
            "--seeds was given with --splits, which takes the seed of the split for both: leave it out"
        )
    sets = {_named(path): path if is_url(path) else str(Path(path).resolve()) for path in data}
    if len(sets) < len(data):
        raise PsdlError(f"two data sets have one name: {', '.join(sets)} of {', '.join(data)}: rename a folder")
    work_on = {
        label: which for name, path in sets.items() for label, which in _categories(name, path, images).items()
    }
    if not work_on:
        raise PsdlError(
            f"no data set has more than {min(images or [0])} good images to learn from: give a smaller --images"
        )
    out.mkdir(parents=True, exist_ok=True)
    lines = Lines(quiet)
    cells: dict[tuple[str, str], list[dict[str, Any]]] = {}
    wanted = list(product(work_on, methods, range(splits or seeds)))
    shared = f"on {cluster}" if cluster else f"{jobs} at a time" if jobs > 1 else ALONE
    measure = partial(_cell, sets=work_on, folder=(out / "cells").resolve(), shared=shared, split=splits > 0)
    with opened(jobs, cluster, lines.say) as work, lines.progress() as progress:
        for (name, one, _), cell in zip(wanted, runner(work)(measure, wanted), strict=True):
            cells.setdefault((name, one), []).append(cell)
            progress("cells", 1, len(wanted))
    text = markdown(cells, development or [], range(splits or seeds), "splits by item" if splits else "seeds")
    (out / "accuracy.md").write_text(text, encoding="utf-8")
    rows = [
        {"data": d, "method": m, "seed": s, **cell} for (d, m), row in cells.items() for s, cell in enumerate(row)
    ]
    (out / "accuracy.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    lines.say(*text.splitlines(), f"wrote {out / 'accuracy.md'} and accuracy.json")


def _named(path: str) -> str:
    return Path(path).resolve().name


def _categories(name: str, path: str, sizes: Sequence[int] | None) -> dict[str, Which]:
    """Returns {label in the table: (path, category, images)} for the categories of a data set. A data set of one
    category is labelled by its own name. `sizes` asks for an entry for each of these numbers of images that is
    below the full number."""
    from psdl.datasets import check
    from psdl.datasets.read import read

    count = Counter(sample.category for sample in check.learning(read(path).samples))
    names = {one: name if len(count) == 1 else f"{name}/{one}" for one in sorted(count)}
    if not sizes:
        return {label: (path, one, None) for one, label in names.items()}
    return {
        f"{label}, {n} images": (path, one, n) for one, label in names.items() for n in sizes if n < count[one]
    }


def _cell(
    which: tuple[str, str, int], sets: dict[str, Which], folder: Path, shared: str, split: bool
) -> dict[str, Any]:
    """Returns one cell, for (set, method, seed), from its file if it was measured before; so a table that was
    broken off can be continued. `shared` says what else ran on the machine, and is kept with the costs. `split`
    says that each seed also draws a split."""
    import json
    import re
    import subprocess
    import sys

    from psdl._util.atomic import atomic_write

    name, method, seed = which
    path, category, images = sets[name]
    file = folder / f"{re.sub('[/, ]+', '-', name)}-{method}-{'split-' * split}{seed}.json"
    if file.is_file():
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return found
    command = [
        sys.executable,
        "-m",
        "psdl.compare.cell",
        path,
        category,
        method,
        str(seed),
        json.dumps({"split": seed if split else None, "images": images}),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        raise PsdlError(f"{method} on {path} with seed {seed} failed ({last}): mend it; the other cells are kept")
    found = {**json.loads(done.stdout.splitlines()[-1]), "measured": shared}
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(file) as temporary:
        temporary.write_text(json.dumps(found), encoding="utf-8")
    return found
