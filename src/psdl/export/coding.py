"""Adds to a graph: activation maps -> distances (P,) of one branch, by orthogonal matching pursuit.

Functions that take a `Graph` add nodes to it and return names of values in the graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from psdl.errors import PsdlError
from psdl.export.graph import Graph
from psdl.features import embeddings
from psdl.scoring import normalise
from psdl.sparse.pursuits.omp import dependence_tolerance, stop_tolerance
from psdl.types import Part, State

BOUND = {"exemplars": True, "shared": False}  # methods: whether each position has its own dictionary
EPS = np.dtype(np.float32)


def check(part: Part) -> None:
    """Raises PsdlError if the method of a branch cannot be exported."""
    if part.method not in BOUND:
        raise PsdlError(
            f"the method {part.method} cannot be exported, only {' and '.join(BOUND)}: learn with recipe default"
            " or fast"
        )


def assembled(
    g: Graph, maps: Mapping[str, str], shapes: Mapping[str, tuple[int, ...]], part: Part, state: State
) -> str:
    """Returns the signals (P,F) of a branch from maps (1,C,h,w), like `embeddings.assemble`.

    `maps` has the names of the maps and `shapes` their shapes, both by tap.
    """
    grid = state.grid
    aligned = []
    channels = 0
    for tap in reversed([tap for tap in maps if tap in part.taps]):
        value, (_, depth, h, w) = maps[tap], shapes[tap]
        channels += depth
        if part.pool > 1:
            value = _applied(g, embeddings.neighbours(h, part.pool), value, embeddings.neighbours(w, part.pool))
        if (h, w) != (grid.h, grid.w):
            matrix = embeddings.averages if h >= grid.h else embeddings.bilinear
            value = _applied(g, matrix(h, grid.h), value, matrix(w, grid.w))
        aligned.append(value)
    stacked = g.op("Concat", *aligned, axis=1) if len(aligned) > 1 else aligned[0]
    kept = embeddings.length(channels) if part.square else channels
    flat = g.op("Reshape", stacked, np.array([channels, grid.h * grid.w]))
    if kept < channels:
        flat = g.op("Slice", flat, np.array([0]), np.array([kept]), np.array([0]))
    if grid.roi is not None:
        flat = g.op("Gather", flat, grid.cells.astype(np.int64), axis=1)
    return g.op("Transpose", flat, perm=[1, 0])


def distances(g: Graph, found: str, part: Part, state: State) -> str:
    """Returns the distances (P,) float32 of signals (P,F), the value `found`, standardised if the branch asks for
    it."""
    arrays = state.arrays
    white = g.op("MatMul", g.op("Sub", found, arrays["mean"]), arrays["matrix"])
    atoms = g.op("Cast", arrays["dictionary"], to=1)
    left = _pursued(g, white, atoms, int(part.params["sparsity"]), BOUND[part.method])
    distance = g.op("Sqrt", g.op("ReduceSum", g.op("Mul", left, left), np.array([1]), keepdims=0))
    if not part.unseen:
        return distance
    unseen = normalise.Unseen.of(state)
    return g.op("Div", g.op("Sub", distance, unseen.mean), unseen.scale)


def _pursued(g: Graph, signal: str, atoms: str, sparsity: int, bound: bool) -> str:
    """Returns the residuals (P,F) that orthogonal matching pursuit leaves of signals (P,F).

    Each atom that is selected is orthogonalised against those before it. Subtracting the projection on it from the
    residual then gives the residual of the least-squares code. `bound` says whether `atoms` are (P,K,F) or (K,F).
    """
    residual, alive = signal, ""
    norm = g.op("ReduceL2", signal, axes=[1], keepdims=1)
    smallest = g.op("Mul", norm, stop_tolerance(EPS))
    taken: list[str] = []
    for _ in range(sparsity):
        correlations = _correlations(g, residual, atoms, bound)
        best = g.op("ArgMax", correlations, axis=1, keepdims=1)
        most = g.op("ReduceMax", correlations, axes=[1], keepdims=1)
        if bound:
            atom = g.op("GatherND", atoms, best, batch_dims=1)
        else:
            atom = g.op("Gather", atoms, g.op("Squeeze", best, np.array([1])), axis=0)
        for before in taken:
            atom = g.op("Sub", atom, g.op("Mul", _dot(g, atom, before), before))
        energy = _dot(g, atom, atom)
        fresh = g.op("And", g.op("Greater", most, smallest), g.op("Greater", energy, dependence_tolerance(EPS)))
        alive = g.op("And", alive, fresh) if alive else fresh
        unit = g.op("Div", atom, g.op("Sqrt", g.op("Max", energy, np.finfo(np.float32).tiny.item())))
        unit = g.op("Where", alive, unit, 0.0)
        residual = g.op("Sub", residual, g.op("Mul", _dot(g, residual, unit), unit))
        taken.append(unit)
    return residual


def _correlations(g: Graph, residual: str, atoms: str, bound: bool) -> str:
    """Returns the absolute correlations (P,K) of residuals (P,F) with atoms (P,K,F), or with atoms (K,F) for all
    positions."""
    if not bound:
        return g.op("Abs", g.op("MatMul", residual, g.op("Transpose", atoms, perm=[1, 0])))
    columns = g.op("MatMul", atoms, g.op("Unsqueeze", residual, np.array([2])))
    return g.op("Abs", g.op("Squeeze", columns, np.array([2])))


def _dot(g: Graph, a: str, b: str) -> str:
    """Returns the dot products (P,1) of rows."""
    return g.op("ReduceSum", g.op("Mul", a, b), np.array([1]), keepdims=1)


def _applied(g: Graph, rows: Any, value: str, columns: Any) -> str:
    """Returns a map multiplied by one matrix along its rows and by one along its columns."""
    return g.op("MatMul", g.op("MatMul", rows, value), np.ascontiguousarray(columns.T))
