"""psdl bench: methods x data sets x seeds -> one table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from psdl.cli import options
from psdl.errors import PsdlError

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
    development: Annotated[
        list[str] | None, typer.Option(help="Name of a data set on which choices were made, to be said so.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for accuracy.md, accuracy.json and the cells so far.")] = Path(
        "bench-accuracy"
    ),
    quiet: options.Quiet = False,
) -> None:
    """Learn and measure every method on every data set; accuracy, cost, wins and losses in one table."""
    import json

    from psdl.cli.lines import Lines
    from psdl.compare.methods import METHODS
    from psdl.compare.methods import method as known
    from psdl.compare.table import markdown

    methods = method or list(METHODS)
    for name in methods:
        known(name, 0)
    sets = {_named(path): path for path in data}
    if len(sets) < len(data):
        raise PsdlError(f"two data sets have one name: {', '.join(sets)} of {', '.join(data)}: rename a folder")
    out.mkdir(parents=True, exist_ok=True)
    lines = Lines(quiet)
    cells: dict[tuple[str, str], list[dict[str, Any]]] = {}
    count = len(sets) * len(methods) * seeds
    with lines.progress() as tell:
        for name, path in sets.items():
            for one in methods:
                for seed in range(seeds):
                    cells.setdefault((name, one), []).append(_cell(path, one, seed, out / "cells", name))
                    tell("cells", 1, count)
    text = markdown(cells, development or [], range(seeds))
    (out / "accuracy.md").write_text(text, encoding="utf-8")
    rows = [
        {"data": d, "method": m, "seed": s, **cell} for (d, m), row in cells.items() for s, cell in enumerate(row)
    ]
    (out / "accuracy.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    lines.say(text, f"wrote {out / 'accuracy.md'} and accuracy.json")


def _named(path: str) -> str:
    return Path(path).resolve().name


def _cell(path: str, method: str, seed: int, folder: Path, name: str) -> dict[str, Any]:
    """One cell, from its file if it was measured before: a table that was broken off goes on."""
    import json
    import subprocess
    import sys

    from psdl.drafts import drafted

    file = folder / f"{name}-{method}-{seed}.json"
    if file.is_file():
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return found
    command = [sys.executable, "-m", "psdl.compare.cell", path, method, str(seed)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        raise PsdlError(f"{method} on {path} with seed {seed} failed ({last}): mend it; the other cells are kept")
    found = json.loads(done.stdout.splitlines()[-1])
    folder.mkdir(parents=True, exist_ok=True)
    with drafted(file) as draft:
        draft.write_text(json.dumps(found), encoding="utf-8")
    return found
