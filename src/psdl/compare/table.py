"""Writes the comparison as Markdown: means and spreads over seeds, wins and losses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from psdl.compare.glance import Cells, glance, mean

ACCURACY = {
    "found_1": "found at 1 %",
    "found_5": "found at 5 %",
    "oracle_1": "oracle 1 %",
    "oracle_5": "oracle 5 %",
    "image_auroc": "image AUROC",
    "pixel_auroc": "pixel AUROC",
    "aupro": "AU-PRO 0.3",
    "aupro_05": "AU-PRO 0.05",
    "aupimo": "AUPIMO",
    "image_f1_max": "image F1 (oracle)",
    "pixel_f1_max": "pixel F1 (oracle)",
}
FALSE = {"false_1": "false rejects at 1 %", "false_5": "at 5 %"}  # beside found; no best is marked
COST = {"fit_s": "fit s", "score_ms": "score ms", "model_mb": "model MB", "peak_gb": "peak GB"}
FIRST = ("found_1", "false_1", "found_5", "false_5")
TITLES = {key: {**ACCURACY, **FALSE, **COST}[key] for key in dict.fromkeys((*FIRST, *ACCURACY, *COST))}
JUDGED = (
    "found_1",
    "found_5",
    "image_auroc",
    "pixel_auroc",
    "aupro",
    "aupro_05",
    "aupimo",
)  # metrics in which wins are counted
EXPLAINED = (
    "Found: the share of defective images above the product's own threshold at that promised false-reject rate,"
    " and of good ones above it; oracle: above a threshold that looks at the test's good images."
)


def markdown(cells: Cells, development: Iterable[str], seeds: Sequence[int], over: str = "seeds") -> str:
    """Returns the comparison as Markdown: two overview tables, one table for each data set, one of means over all
    sets, one of the worst set of each method, and how often the first method wins against each other.

    `development` names the data sets on which choices were made; `over` is what the cells of a set and method
    differ by.
    """
    sets = list(dict.fromkeys(data for data, _ in cells))
    methods = list(dict.fromkeys(name for _, name in cells))
    said = f"{over[0].upper()}{over[1:]} {', '.join(map(str, seeds))}"
    lines = [f"{said}: mean and spread (largest less smallest) over them.", EXPLAINED]
    named = set(development)
    known = [data for data in sets if data in named or data.split("/")[0] in named]
    lines.append(f"Development sets, on which choices were made: {', '.join(known) or 'none'}.")
    measured = sorted({cell["measured"] for row in cells.values() for cell in row if "measured" in cell})
    if measured:
        lines.append(f"Costs are of cells measured {', '.join(measured)}.")
    lines += ["", "## At a glance", "", *glance(cells, sets, methods)]
    for data in sets:
        images = next(iter(cells[data, methods[0]]))["images"]
        lines += ["", f"## {data} ({images[0]} good images to learn from, {images[1]} to test)", ""]
        lines += _table({name: cells[data, name] for name in methods})
    if len(sets) > 1:
        lines += ["", "## Means over the sets", "", *_table({name: _over(cells, sets, name) for name in methods})]
        lines += ["", "## The worst set of each", "", *_worst(cells, sets, methods)]
    if len(methods) > 1:
        lines += ["", f"## Where {methods[0]} wins", "", *_wins(cells, sets, methods)]
    return "\n".join(lines) + "\n"


def _table(rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    titles = TITLES
    lines = ["| method | " + " | ".join(titles.values()) + " |", "|---" * (len(titles) + 1) + "|"]
    best = {
        key: max((v for r in rows.values() if (v := mean(r, key)) is not None), default=None) for key in ACCURACY
    }
    for name, cells in rows.items():
        shown = [_shown(cells, key, best.get(key)) for key in titles]
        lines.append(f"| {name} | " + " | ".join(shown) + " |")
    return lines


def _shown(cells: Sequence[Mapping[str, Any]], key: str, best: float | None) -> str:
    value = mean(cells, key)
    if value is None:
        return "-"
    if key in COST:
        return f"{value:.2f}" if key == "peak_gb" else f"{value:.0f}" if value >= 10 else f"{value:.1f}"
    spread = np.ptp([cell[key] for cell in cells if cell.get(key) is not None])
    text = f"{value:.3f}" + (f" ± {spread:.3f}" if len(cells) > 1 else "")
    return f"**{text}**" if best is not None and value >= best - 5e-4 else text


def _worst(cells: Cells, sets: Sequence[str], methods: Sequence[str]) -> list[str]:
    """Returns for each method and metric the lowest mean of all data sets, and the set."""
    lines = ["| method | " + " | ".join(ACCURACY[key] for key in JUDGED) + " |", "|---" * (len(JUDGED) + 1) + "|"]
    for name in methods:
        shown = []
        for key in JUDGED:
            found = [(value, data) for data in sets if (value := mean(cells[data, name], key)) is not None]
            shown.append("{:.3f} {}".format(*min(found)) if found else "-")
        lines.append(f"| {name} | " + " | ".join(shown) + " |")
    return lines


def _over(cells: Cells, sets: Sequence[str], name: str) -> list[dict[str, Any]]:
    """Returns for each seed the means over the data sets."""
    keys = TITLES
    return [{key: mean(row, key) for key in keys} for row in zip(*(cells[s, name] for s in sets), strict=True)]


def _wins(cells: Cells, sets: Sequence[str], methods: Sequence[str]) -> list[str]:
    """Counts for each other method the (data set, metric) cells in which the first has a higher or a lower
    mean."""
    lines = ["| against | wins | losses | lost cells |", "|---|---|---|---|"]
    for name in methods[1:]:
        won, lost = 0, []
        for data in sets:
            for key in JUDGED:
                a, b = mean(cells[data, methods[0]], key), mean(cells[data, name], key)
                if a is None or b is None or a == b:
                    continue
                won += a > b
                if a < b:
                    lost.append(f"{data} {ACCURACY[key]} ({a:.3f}, {b:.3f})")
        lines.append(f"| {name} | {won} | {len(lost)} | {'; '.join(lost) or '-'} |")
    return lines
