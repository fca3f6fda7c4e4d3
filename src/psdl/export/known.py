"""Adds to a graph: signals and distances -> averages, and the score against known defects."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from psdl.export.graph import Graph
from psdl.export.scoring import DOUBLE, places
from psdl.model.known import Averages, Classifier
from psdl.scoring import averages as scoring
from psdl.scoring.known import MOST
from psdl.types import Grid, Recipe


def averaged(
    g: Graph,
    signals: Mapping[str, str],
    distances: Mapping[str, str],
    grids: Mapping[str, Grid],
    known: Averages,
    recipe: Recipe,
) -> str:
    """Returns the averages (D,) float32 of an image, like `scoring.averages.averaged`.

    `signals` (P,F) and `distances` (P,) are given by branch. The last number of the averages is left out, since
    the score does not use it.
    """
    strange = {
        part.name: g.op("Div", g.op("Sub", distances[part.name], known.offset[n]), known.scale[n])
        for n, part in enumerate(recipe.parts)
    }
    to = grids[known.near]
    values = g.op(
        "Sub", _whitened(g, signals[known.near], known.mean, known.matrix), known.centre.astype(np.float32)
    )
    columns = [_brought(g, strange[part.name], grids[part.name], to) for part in recipe.parts]
    on = g.op("Concat", *columns, axis=1) if len(columns) > 1 else columns[0]
    total = g.op("MatMul", on, np.array([part.weight for part in recipe.parts], np.float32))
    clipped = g.op("Mul", g.op("Clip", on, scoring.LOW, scoring.HIGH), scoring.FACTOR)
    both = g.op("Concat", values, clipped, axis=1)
    blocks = [
        _mean(g, g.op("Gather", both, _strangest(g, total, to), axis=0)),
        _mean(g, both),
        _deviation(g, values),
    ]
    if known.deep:
        raw = signals[known.deep]
        few = g.op("Gather", raw, _strangest(g, strange[known.deep], grids[known.deep]), axis=0)
        blocks += [_whitened(g, _mean(g, some), known.deep_mean, known.deep_matrix) for some in (raw, few)]
    return g.op("Concat", *blocks, axis=0)


def score(g: Graph, anomaly: str, averages: str, known: Classifier) -> str:
    """Returns the score against known defects, a float64, like `scoring.known.known_score`."""
    wide = g.op("Cast", averages, to=DOUBLE)
    linear = g.op("ReduceSum", g.op("Mul", wide, known.weights), np.array([0]), keepdims=0)
    turned = g.op("Sub", _arsinh(g, g.op("Div", anomaly, np.float64(known.unit))), np.float64(known.middle))
    turned = g.op("Mul", turned, np.float64(known.slope / known.spread))
    value = g.op("Add", g.op("Add", linear, turned), np.float64(known.bias - known.mean))
    rarity = g.op("Mul", value, np.float64(known.spread / known.deviation))
    argument = g.op("Clip", g.op("Add", rarity, np.float64(known.middle)), np.float64(-MOST), np.float64(MOST))
    rise, fall = g.op("Exp", argument), g.op("Exp", g.op("Neg", argument))
    return g.op("Mul", g.op("Sub", rise, fall), np.float64(known.unit / 2))


def _whitened(g: Graph, values: str, mean: np.ndarray, matrix: np.ndarray) -> str:
    """Returns whitened values (n,F)."""
    return g.op("MatMul", g.op("Sub", values, mean), matrix)


def _brought(g: Graph, values: str, grid: Grid, to: Grid) -> str:
    """Returns values (P,) of one grid resampled to another, as a column (P',1)."""
    column = np.array([-1, 1])
    if (grid.h, grid.w) == (to.h, to.w):
        return g.op("Reshape", values, column)
    if grid.roi is not None:
        values = g.op("Gather", g.op("Concat", values, np.zeros(1, np.float32), axis=0), places(grid))
    laid = g.op("Reshape", values, np.array([grid.h, grid.w]))
    rows, columns = scoring.resampling(grid.h, to.h), scoring.resampling(grid.w, to.w)
    found = g.op("MatMul", g.op("MatMul", rows, laid), np.ascontiguousarray(columns.T))
    flat = g.op("Reshape", found, column)
    return flat if to.roi is None else g.op("Gather", flat, to.cells.astype(np.int64), axis=0)


def _strangest(g: Graph, values: str, grid: Grid) -> str:
    """Returns the indices of the most anomalous cells, given values for each."""
    return g.places(values, scoring.strangest_count(grid.positions))


def _mean(g: Graph, values: str) -> str:
    """Returns the mean of rows."""
    return g.op("ReduceMean", values, axes=[0], keepdims=0)


def _deviation(g: Graph, values: str) -> str:
    """Returns the standard deviation of rows, with the divisor n."""
    offset = g.op("Sub", values, g.op("ReduceMean", values, axes=[0], keepdims=1))
    return g.op("Sqrt", _mean(g, g.op("Mul", offset, offset)))


def _arsinh(g: Graph, x: str) -> str:
    """Returns arsinh(x), computed from its logarithmic form, which is accurate for large x of either sign."""
    size = g.op("Abs", x)
    root = g.op("Sqrt", g.op("Add", g.op("Mul", size, size), np.float64(1)))
    return g.op("Mul", g.op("Sign", x), g.op("Log", g.op("Add", size, root)))
