"""Draws charts of scores as SVG text that takes its colours from the page."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from psdl._util import plugins
from psdl.measure.ranks import ranks
from psdl.types import F64

# Drawn in these and handed over as the page's own, which differ by day and night.
INK, FAINT, GOOD, BAD, OTHER = "#010101", "#020202", "#030303", "#040404", "#050505"
VARIABLES = {INK: "--ink", FAINT: "--line", GOOD: "--good", BAD: "--bad", OTHER: "--other"}
SETTINGS = {
    "svg.fonttype": "none",
    "svg.hashsalt": "psdl",
    "text.parse_math": False,
    "font.size": 9,
    "font.family": "sans-serif",
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
SIZES = {"broad": (9.2, 2.3), "narrow": (4.2, 2.4)}  # of a histogram, in inches: on a desk, on a phone
AXES = {"broad": (0.06, 0.985), "narrow": (0.12, 0.97)}  # of its width: where its axis starts and ends


def histogram(groups: Mapping[str, F64], low: float, high: float, form: str) -> str:
    """Returns a histogram of the scores of good, defective and unlabelled images from `low` to `high`. `form` is
    one of SIZES; AXES says which part of the picture's width its axis spans."""
    colours = {"good": GOOD, "defective": BAD, "not labelled": OTHER}
    edges = np.linspace(low, high, 49 if form == "broad" else 25)

    def draw(figure: Any) -> None:
        left, right = AXES[form]
        axes = figure.add_axes((left, 0.22, right - left, 0.66))
        names = [name for name in colours if len(groups.get(name, ()))]
        values = [np.clip(groups[name], low, high) for name in names]
        shown = [f"{name} ({len(groups[name])})" for name in names]
        axes.hist(values, edges, stacked=True, color=[colours[name] for name in names], label=shown)
        axes.set_xlim(low, high)
        axes.set_xlabel("image score")
        axes.set_ylabel("images", labelpad=1)
        axes.yaxis.get_major_locator().set_params(integer=True, nbins=4)
        axes.legend(frameon=False, loc="upper right", ncols=3, fontsize=8.5, bbox_to_anchor=(1, 1.2))

    return _svg(draw, *SIZES[form])


def curves(sets: Mapping[str, tuple[F64, Any]]) -> str:
    """Returns ROC and precision-recall curves of each set of (scores, labels), as two pictures; empty if no set
    has both good and defective images."""
    known = {name: found for name, pair in sets.items() if (found := ranks(*pair))}
    if not known:
        return ""

    styles = [
        {"color": OTHER, "linewidth": 1.4, "linestyle": ("-", "--", ":", "-.")[n % 4]} for n in range(len(known))
    ]

    def roc(figure: Any) -> None:
        axes = figure.subplots()
        for (name, found), style in zip(known.items(), styles, strict=True):
            wrong, recall = found.fp / found.negatives, found.tp / found.positives
            axes.plot(np.r_[0, wrong, 1], np.r_[0, recall, 1], label=name, **style)
        _titled(axes, "ROC", "share of good images above", "share of defective images above")
        if 1 < len(known) <= 8:
            axes.legend(frameon=False, fontsize=8, loc="lower right")

    def precision(figure: Any) -> None:
        axes = figure.subplots()
        for found, style in zip(known.values(), styles, strict=True):
            axes.plot(found.tp / found.positives, found.tp / (found.tp + found.fp), **style)
        _titled(axes, "precision and recall", "recall", "precision")

    return "".join(_svg(draw, 3.6, 3.1, layout="constrained") for draw in (roc, precision))


def _titled(axes: Any, title: str, x: str, y: str) -> None:
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02), xlabel=x, ylabel=y)
    axes.set_title(title, fontsize=9.5)
    axes.grid(color=FAINT, linewidth=0.5, alpha=0.5)


def _svg(draw: Any, width: float, height: float, layout: Any = None) -> str:
    plugins.extra("report", "matplotlib")
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context(SETTINGS):
        figure = Figure(figsize=(width, height), layout=layout)
        FigureCanvasSVG(figure)
        figure.patch.set_alpha(0)
        draw(figure)
        for axes in figure.axes:
            axes.patch.set_alpha(0)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    text = file.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r'<svg ([^>]*?)width="[^"]*" height="[^"]*"', r"<svg \1", re.sub(r"\s+", " ", text), count=1)
    for colour, variable in VARIABLES.items():
        text = text.replace(colour, f"var({variable})")
    return text
