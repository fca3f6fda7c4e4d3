"""What the verbs share: one call of the library, progress, and its lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from psdl import check, recipes
from psdl.data import read as data_read
from psdl.detector import Detector
from psdl.report import tables
from psdl.types import Sample


def learn(
    *, data: str, model: str, recipe: str, category: list[str] | None, weights: str | None,
    false_reject: float, device: str, jobs: int | None, quiet: bool, **settings: Any,
) -> None:  # fmt: skip
    found = data_read.read(data)
    samples = check.learning(data_read.choose(found.samples, category or []))
    detector = Detector(recipes.recipe(recipe, **settings), alarm=false_reject, device=device)
    if detector.recipe.input is None:
        from dataclasses import replace

        detector.recipe = replace(detector.recipe, input=found.rule)
    print(f"{data}: layout {found.layout}, recognised by {found.reason}")
    for line in check.check(samples, found.rule, map).lines:
        print(line)
    options = {
        "recipe": recipe,
        "category": category,
        "weights": weights,
        "false_reject": false_reject,
        **settings,
    }
    with bars(quiet) as progress:
        detector.fit(samples, weights=weights, jobs=jobs, options=options, progress=progress)
    detector.save(model)
    print(f"wrote {model}; threshold {detector.model.calibration.threshold:.6g}")


def measure(
    model: str, data: str, out: Path, category: list[str] | None, device: str, jobs: int | None, quiet: bool
) -> None:
    detector = Detector.load(model, device)
    samples = check.testing(data_read.choose(data_read.read(data).samples, category or []))
    check.check(samples, detector.recipe.input or recipes_rule(), map)
    results = []
    with bars(quiet) as progress:
        for result in detector.results(samples, jobs):
            results.append(result)
            progress("scores", 1, len(samples))
    summary = tables.write(samples, results, out)
    for key, value in summary["mean"].items():
        print(f"{key:14} {'-' if value is None else format(value, '.4f')}")
    print(f"wrote {out / 'metrics.json'} and {out / 'images.csv'}")


def predictions(model: str, paths: list[str], device: str, jobs: int | None) -> Iterator[dict[str, Any]]:
    detector = Detector.load(model, device)
    files = [
        s.path
        for path in paths
        for s in (data_read.read(path).samples if Path(path).is_dir() else [Sample(path, path, "")])
    ]
    for path, result in zip(files, detector.results(files, jobs), strict=True):
        verdict = result.verdict
        yield {
            "path": path,
            "score": result.score,
            "threshold": verdict.threshold,
            "verdict": verdict.verdict,
            "p_value": verdict.p_value,
        }


def recipes_rule() -> Any:
    from psdl.types import InputRule

    return InputRule()


class bars:
    """Progress bars, one a stage; none when quiet."""

    def __init__(self, quiet: bool) -> None:
        from rich.console import Console
        from rich.progress import Progress

        self._progress = Progress(console=Console(stderr=True), disable=quiet)
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> Callable[[str, int, int], None]:
        self._progress.start()
        return self._advance

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def _advance(self, stage: str, done: int, total: int) -> None:
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(stage, total=total)
        self._progress.advance(self._tasks[stage], done)
