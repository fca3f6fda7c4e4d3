"""Two overview tables with a row for each method and a column for each data set, its categories averaged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["Cells", "glance", "mean"]

Cell = Mapping[str, Any]
Cells = Mapping[tuple[str, str], Sequence[Cell]]  # (data set, method) -> a cell for each seed
QUALITY = ("image_auroc", "pixel_auroc", "aupro")
SHARES = (("found_1", "false_1"), ("found_5", "false_5"))


def glance(cells: Cells, sets: Sequence[str], methods: Sequence[str]) -> list[str]:
    """Returns two tables as lines of Markdown: image AUROC / pixel AUROC / AU-PRO 0.3; then, at promised
    false-reject rates of 1 and 5 %, the share of defects found and, in brackets, of good images rejected, in %."""
    named = list(dict.fromkeys(data.split("/")[0] for data in sets))
    rows = {(name, method): _of(cells, sets, name, method) for name in named for method in methods}
    return [
        "Image AUROC / pixel AUROC / AU-PRO 0.3:",
        "",
        *_table(rows, named, methods, _quality),
        "",
        "Defective images found (good ones rejected), in %, at a promised 1 / 5 %:",
        "",
        *_table(rows, named, methods, _found),
    ]


def _of(cells: Cells, sets: Sequence[str], name: str, method: str) -> list[Cell]:
    """Returns all cells of a data set and a method, of all categories and seeds."""
    return [cell for data in sets if data.split("/")[0] == name for cell in cells[data, method]]


def _table(
    rows: Mapping[tuple[str, str], Sequence[Cell]],
    sets: Sequence[str],
    methods: Sequence[str],
    shown: Callable[[Sequence[Cell]], str],
) -> list[str]:
    lines = ["| method | " + " | ".join(sets) + " |", "|---" * (len(sets) + 1) + "|"]
    return [*lines, *(f"| {m} | " + " | ".join(shown(rows[data, m]) for data in sets) + " |" for m in methods)]


def mean(cells: Sequence[Cell], key: str) -> float | None:
    """Returns the mean of a measure over the cells that have it; None if none has it."""
    values = [cell[key] for cell in cells if cell.get(key) is not None]
    return float(np.mean(values)) if values else None


def _quality(cells: Sequence[Cell]) -> str:
    values = [value for key in QUALITY if (value := mean(cells, key)) is not None]
    return " / ".join(f"{value:.3f}" for value in values) or "-"


def _found(cells: Sequence[Cell]) -> str:
    said = []
    for found, rejected in SHARES:
        share, wrong = mean(cells, found), mean(cells, rejected)
        said.append("-" if share is None or wrong is None else f"{share:.0%} ({wrong:.1%})".replace("%", ""))
    return " / ".join(said)
