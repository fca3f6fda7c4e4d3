"""Draws one figure for each judged image: image, ground truth, heat map, predicted mask, outline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from psdl._util import plugins
from psdl.calibrate.masks import rarity
from psdl.errors import printable
from psdl.input import decode, masks
from psdl.report import heat
from psdl.report.places import Places
from psdl.report.tables import Judged
from psdl.types import Region, Sample

LONGEST = 640  # pixels of the longer side that a panel shows
SIDE = 2.6  # inches of a panel's longer side
INK, DEFECT = "#1b1b1b", "#ff9f1c"  # orange reads on grey, on colour, and for the colour-blind
GRIDS = ((1, 5), (2, 3), (3, 2), (5, 1))
GAP, TITLE, HEAD, BAR = (
    0.14,
    0.3,
    0.46,
    0.56,
)  # inches: between panels, above each and all, for the bar of the heat map
Box = tuple[float, float, float, float]


def sample(judged: Judged, count: int, seed: int) -> list[tuple[Sample, Any]]:
    """Draws up to `count` images of each category by `seed`, taking its kinds of defect (and good) in turn."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,)))
    chosen = []
    for category in sorted({s.category for s, _ in judged}):
        inside = [pair for pair in judged if pair[0].category == category]
        drawn = [inside[i] for i in rng.permutation(len(inside))]
        kinds = sorted({s.kind for s, _ in drawn}, key=lambda kind: (kind == "good", kind))
        queues = [[pair for pair in drawn if pair[0].kind == kind] for kind in kinds]
        turns = [queue[i] for i in range(len(inside)) for queue in queues if i < len(queue)]
        chosen += turns[:count]
    return chosen


def write(judged: Judged, out: Path, where: Places) -> Iterator[tuple[int, int]]:
    """Writes out/pictures/PLACE for each image (see `places`), and yields (1, number of images) after each."""
    for found, result in judged:
        path = out / "pictures" / where[found]
        path.parent.mkdir(parents=True, exist_ok=True)
        draw(found, result, path)
        yield 1, len(judged)


def draw(found: Sample, result: Any, path: Path) -> None:
    """Draws one figure into `path`.

    The heat map's colours have the same meaning on all pictures of a model: how rare a pixel is among good ones.
    The mark on the colour bar is the rarity that alone makes a region.
    """
    plugins.extra("report", "matplotlib")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    (shown, values, mask, truth), seen = _scaled(found, result), result.seen
    if seen is not None:
        seen = seen[:: _step(seen.shape), :: _step(seen.shape)]
    panels = _panels(found.label, mask, truth)
    (width, height), boxes = _places(shown.shape[0] / shown.shape[1], panels)
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    figure.text(
        0.5,
        1 - 0.08 / height,
        _title(found, result),
        ha="center",
        va="top",
        fontsize=10,
        color=INK,
        parse_math=False,
    )
    for box, title in zip(boxes, panels, strict=True):
        ax = figure.add_axes(box)
        ax.set_axis_off()
        ax.set_title(title, fontsize=9, color=INK)
        if title in ("ground truth", "predicted mask"):
            _mask_panel(ax, truth if title == "ground truth" else mask, shown.shape)
        else:
            ax.imshow(shown if title == "image" else heat.dimmed(shown, seen))
        if title == "heat map":
            _heat_panel(ax, values, result.calibration)
        if title == "outline":
            _outline(ax, mask)
            if not mask.any() and result.verdict.verdict != "OK":
                _ring(ax, result.strangest, _step(result.geometry.source))
    figure.savefig(path, dpi=110, facecolor="white")


def _panels(label: int | None, mask: NDArray[np.bool_], truth: NDArray[np.bool_] | None) -> list[str]:
    """Returns the titles of the panels of an image; masks are left out if they are empty."""
    panels = ["image", "heat map", "outline"]
    if mask.any():
        panels.insert(2, "predicted mask")
    if label == 1 and (truth is None or truth.any()):
        panels.insert(1, "ground truth")
    return panels


def _scaled(found: Sample, result: Any) -> tuple[Any, Any, NDArray[np.bool_], NDArray[np.bool_] | None]:
    """Returns pixels, map, mask and ground truth at no more than LONGEST pixels a side."""
    shown = decode.pixels(found.path, white=result.model.recipe.input.white)
    step = _step(shown.shape)
    truth = None
    if found.mask:
        truth = masks.read(found.mask, result.geometry.source, found.path)[::step, ::step]
    elif found.label == 0:
        truth = np.zeros(shown.shape[:2], bool)[::step, ::step]
    return shown[::step, ::step], result.map[::step, ::step], result.mask[::step, ::step], truth


def _step(shape: tuple[int, ...]) -> int:
    """Returns the stride at which pixels of an image (h,w,...) are shown."""
    return max(1, -(-max(shape[:2]) // LONGEST))


def _grid(aspect: float, panels: int) -> tuple[int, int]:
    """Returns the rows and columns that bring the figure nearest to three times as wide as high."""
    fitting = [(r, c) for r, c in GRIDS if r * c >= panels and (r - 1) * c < panels and r * (c - 1) < panels]
    fitting += [] if panels == 5 else [(1, panels), (panels, 1)]
    fitting += [(2, 2)] if panels == 4 else []
    return min(fitting, key=lambda rc: abs(np.log(rc[1] / (rc[0] * aspect) / 3)))


def _places(aspect: float, panels: Sequence[str]) -> tuple[tuple[float, float], list[Box]]:
    """Returns the size of the figure in inches, and the boxes of the panels as fractions of it: row by row, with
    space for titles and for a bar beside the heat map."""
    rows, columns = _grid(aspect, len(panels))
    width, height = _panel_size(aspect)
    bar = panels.index("heat map") % columns
    size = columns * (width + GAP) + GAP + BAR, rows * (height + TITLE) + HEAD + GAP
    boxes = []
    for n in range(len(panels)):
        row, column = divmod(n, columns)
        left = GAP + column * (width + GAP) + (BAR if column > bar else 0)
        bottom = GAP + (rows - 1 - row) * (height + TITLE)
        boxes.append((left / size[0], bottom / size[1], width / size[0], height / size[1]))
    return size, boxes


def _panel_size(aspect: float) -> tuple[float, float]:
    return (SIDE, SIDE * aspect) if aspect < 1 else (SIDE / aspect, SIDE)


def _title(found: Sample, result: Any) -> str:
    kind = {0: "good", 1: f"defective: {printable(found.kind)}", None: "not labelled"}[found.label]
    verdict, name = result.verdict, printable(found.name)
    name = name if len(name) < 60 else "..." + name[-57:]
    said = f"{verdict.verdict}, score {verdict.score:.3g} against threshold {verdict.threshold:.3g}"
    return f"{name}  ({kind})\n{said}"


def _mask_panel(ax: Any, mask: NDArray[np.bool_] | None, shape: tuple[int, ...]) -> None:
    if mask is None:
        ax.imshow(np.full(shape[:2], 0.85), cmap="gray", vmin=0, vmax=1)
        ax.text(0.5, 0.5, "no mask given", ha="center", va="center", transform=ax.transAxes, fontsize=8, color=INK)
        return
    ax.imshow(mask, cmap="gray", vmin=0, vmax=1, interpolation="nearest")


def _heat_panel(ax: Any, values: Any, calibration: Any) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    ax.imshow(heat.overlay(values, calibration))
    colours = LinearSegmentedColormap.from_list(
        "heat", [(r / 255, g / 255, b / 255) for r, g, b in heat.gradient(9)]
    )
    start, end = heat.scale(calibration)
    scale = ScalarMappable(Normalize(start, end), colours)
    box, wide = ax.get_position(), ax.figure.get_figwidth()
    beside = ax.figure.add_axes((box.x1 + 0.06 / wide, box.y0, 0.12 / wide, box.height))
    bar = ax.figure.colorbar(scale, cax=beside, extend="max")
    ticks = np.arange(np.ceil(start), np.floor(end) + 1)
    bar.set_ticks(ticks, labels=[f"1 in\n{10**tick:,.0f}" for tick in ticks])
    bar.ax.tick_params(labelsize=6)
    peak = float(rarity(np.array([[calibration.peak_threshold]], np.float32), calibration)[0, 0])
    bar.ax.axhline(peak, color="white", linewidth=3)
    bar.ax.axhline(peak, color=INK, linewidth=1)


def _ring(ax: Any, region: Region, step: int) -> None:
    """Draws a dashed ellipse about the most anomalous place of an image whose mask is empty."""
    from matplotlib.patches import Ellipse

    left, top, right, bottom = (edge / step for edge in region.box)
    room = 0.06 * max(ax.get_xlim()[1], ax.get_ylim()[0])
    place, wide, high = ((left + right) / 2, (top + bottom) / 2), right - left + room, bottom - top + room
    ax.add_patch(Ellipse(place, wide, high, fill=False, edgecolor="black", linewidth=3))
    ax.add_patch(Ellipse(place, wide, high, fill=False, edgecolor=DEFECT, linewidth=1.6, linestyle="--"))
    ax.set_title("strangest place", fontsize=9, color=INK)


def _outline(ax: Any, mask: NDArray[np.bool_]) -> None:
    if mask.any() and not mask.all():
        edged = np.pad(mask.astype(float), 1)
        x, y = np.arange(edged.shape[1]) - 1, np.arange(edged.shape[0]) - 1
        ax.contour(x, y, edged, levels=[0.5], colors=["black"], linewidths=3.2)
        ax.contour(x, y, edged, levels=[0.5], colors=[DEFECT], linewidths=1.6)
