"""Explains a region of an image: which branch found it anomalous, by code or residual, and the most similar good
patch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from psdl.input import preprocess
from psdl.model.model import Model
from psdl.scoring import normalise
from psdl.scoring.anomaly_map import added
from psdl.types import Coded, Geometry, Grid, Like, Part, Reason, Region, State

__all__ = ["explained"]

PATCH = 4  # side, in cells of the grid, of the good patch that is shown


def explained(
    regions: Sequence[Region], coded: Mapping[str, Coded], geometry: Geometry, model: Model
) -> tuple[Region, ...]:
    """Returns the regions of one image with their reasons.

    `coded` has the output (1,P) of the method of each branch, and `geometry` maps the image to the network's
    input.
    """
    return tuple(replace(region, reasons=_reasons(region, coded, geometry, model)) for region in regions)


def _reasons(region: Region, coded: Mapping[str, Coded], geometry: Geometry, model: Model) -> tuple[Reason, ...]:
    """Returns a region's reasons, one for each branch, the largest share of the map at its peak first."""
    grids = {name: state.grid for name, state in model.states.items()}
    x, y = preprocess.point_to_input(region.peak_at, geometry)
    values = added({name: c.distance for name, c in coded.items()}, grids, model.recipe, x, y)
    total = sum(max(0.0, value) for value in values.values()) or 1.0
    found = []
    for part in model.recipe.parts:
        cells = _cells(region, grids[part.name], geometry)
        p = int(cells[np.argmax(coded[part.name].distance[0, cells])])
        share = max(0.0, values[part.name]) / total
        found.append(_reason(part, p, share, coded[part.name], geometry, model))
    return tuple(sorted(found, key=lambda reason: -reason.share))


def _reason(part: Part, p: int, share: float, coded: Coded, geometry: Geometry, model: Model) -> Reason:
    """Returns the reason that a branch gives at its position p."""
    state = model.states[part.name]
    row, column = divmod(int(state.grid.cells[p]), state.grid.w)
    height, width = _cell(state.grid)
    at = preprocess.point_to_source(((column + 0.5) * width, (row + 0.5) * height), geometry)
    reason = Reason(part.name, part.taps, share, at, like=_like(state, coded, p, model))
    if coded.code is None or coded.residual is None:
        return reason
    code, residual = (
        float(normalise.Unseen.of(state, name).measure(values)[0, p])
        for name, values in (("code", coded.code), ("residual", coded.residual))
    )
    return replace(reason, code=code, residual=residual, side="code" if code > residual else "residual")


def _cell(grid: Grid) -> tuple[float, float]:
    """Returns the height and width of a cell in input pixels."""
    return grid.input[0] / grid.h, grid.input[1] / grid.w


def _cells(region: Region, grid: Grid, geometry: Geometry) -> NDArray[np.intp]:
    """Returns the positions whose cells the region's box touches."""
    left, top = preprocess.point_to_input(region.box[:2], geometry)
    right, bottom = preprocess.point_to_input((region.box[2] - 1, region.box[3] - 1), geometry)
    rows = np.arange(top * grid.h // grid.input[0], bottom * grid.h // grid.input[0] + 1)
    columns = np.arange(left * grid.w // grid.input[1], right * grid.w // grid.input[1] + 1)
    return np.flatnonzero(np.isin(grid.cells, rows[:, None] * grid.w + columns))


def _like(state: State, coded: Coded, p: int, model: Model) -> Like | None:
    """Returns the good patch from which the strongest atom at position p was cut, or None if atoms are no
    patches."""
    if "source" not in state.arrays or coded.atom is None or coded.atom[0, p] < 0:
        return None
    atom, source = coded.atom[0, p], state.arrays["source"]
    bound = source.ndim == 2  # whether each position has patches of its own
    number = int(source[p, atom] if bound else source[atom])
    place = p if bound else int(state.arrays["place"][atom])
    grid, (row, column) = state.grid, divmod(int(state.grid.cells[place]), state.grid.w)
    height, width = _cell(grid)
    left = int(np.clip((column + 0.5 - PATCH / 2) * width, 0, max(0, grid.input[1] - PATCH * width)))
    top = int(np.clip((row + 0.5 - PATCH / 2) * height, 0, max(0, grid.input[0] - PATCH * height)))
    right, bottom = min(grid.input[1], int(left + PATCH * width)), min(grid.input[0], int(top + PATCH * height))
    return Like(model.learned[number].name, number, (left, top, right, bottom))
