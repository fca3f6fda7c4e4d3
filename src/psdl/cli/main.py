"""argv -> one call -> lines and an exit code."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from psdl.errors import PsdlError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

Arch = Annotated[str | None, typer.Option(help="Backbone: a name, a timm name, or an .onnx file.")]
Type = Annotated[str, typer.Option(help="single layer or multiple layers.")]
Layer = Annotated[str | None, typer.Option(help="The layer of --type single.")]
Sparsity = Annotated[float | None, typer.Option(help="Atoms a signal, as a share of its length.")]
Iterations = Annotated[int | None, typer.Option(help="Rounds of K-SVD.")]
Seed = Annotated[int, typer.Option(help="Seed of the held-out folds.")]
Category = Annotated[list[str] | None, typer.Option(help="Only this category; repeat for several.")]
Weights = Annotated[str | None, typer.Option(help="Weights file of the backbone.")]
Rate = Annotated[float, typer.Option("--false-reject", help="Share of good images that may be rejected.")]
Jobs = Annotated[int | None, typer.Option(help="Images and positions at a time; all cores if not given.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress.")]


@app.command()
def fit(
    data: str,
    model: Annotated[Path, typer.Option(help="The model file to write.")],
    recipe: str = "paper",
    arch: Arch = None,
    type: Type = "single",  # noqa: A002 the option's name
    layer: Layer = None,
    sparsity: Sparsity = None,
    iterations: Iterations = None,
    seed: Seed = 0,
    category: Category = None,
    weights: Weights = None,
    false_reject: Rate = 0.01,
    device: Device = "auto",
    jobs: Jobs = None,
    quiet: Quiet = False,
) -> None:
    """Learn from good images and write a model file."""
    from psdl.cli.work import learn

    options = {k: v for k, v in locals().items() if k != "learn"}
    learn(**{**options, "model": str(model)})


@app.command()
def evaluate(
    model: str,
    data: str,
    out: Annotated[Path, typer.Option(help="Folder for metrics.json and images.csv.")],
    category: Category = None,
    device: Device = "auto",
    jobs: Jobs = None,
    quiet: Quiet = False,
) -> None:
    """Measure a model on labelled test images."""
    from psdl.cli.work import measure

    measure(model, data, out, category, device, jobs, quiet)


@app.command()
def run(
    data: str,
    out: Annotated[Path, typer.Option(help="Folder for the model, metrics.json and images.csv.")],
    recipe: str = "paper",
    arch: Arch = None,
    type: Type = "single",  # noqa: A002 the option's name
    layer: Layer = None,
    sparsity: Sparsity = None,
    iterations: Iterations = None,
    seed: Seed = 0,
    category: Category = None,
    weights: Weights = None,
    false_reject: Rate = 0.01,
    device: Device = "auto",
    jobs: Jobs = None,
    quiet: Quiet = False,
) -> None:
    """Learn and measure: fit, then evaluate."""
    from psdl.cli.work import learn, measure

    options: dict[str, Any] = {k: v for k, v in locals().items() if k not in ("learn", "measure", "out")}
    out.mkdir(parents=True, exist_ok=True)
    file = str(out / "model.psdl")
    learn(**{**options, "model": file})
    measure(file, data, out, category, device, jobs, quiet)


@app.command()
def predict(
    model: str,
    paths: list[str],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    device: Device = "auto",
    jobs: Jobs = None,
) -> None:
    """Score images or folders, labelled or not."""
    from psdl.cli.work import predictions

    for row in predictions(model, paths, device, jobs):
        line = f"{row['verdict']}  {row['score']:.6g}  (threshold {row['threshold']:.6g})  {row['path']}"
        print(json.dumps(row) if as_json else line)


@app.command()
def inspect(model: str) -> None:
    """Print what a model file holds, as JSON."""
    from psdl import modelfile

    print(json.dumps(modelfile._card(modelfile.read(model)), indent=2, sort_keys=True))


def main() -> None:
    """The entry point: a PsdlError becomes one sentence and exit code 2."""
    try:
        app()
    except PsdlError as error:
        print(f"psdl: {error}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
