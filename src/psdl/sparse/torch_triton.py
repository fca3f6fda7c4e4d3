"""The Triton kernel of `torch_kernels.py`. Importing this file imports Triton, which torch installs for CUDA
devices."""

# mypy: ignore-errors

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def read_rows_once(triangle, products, along, before, t, T, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """For one signal: along = M p, before = M' along. M has rows of T numbers, of which t are used; COLUMNS >=
    t."""
    signal = tl.program_id(0).to(tl.int64)
    columns = tl.arange(0, COLUMNS)
    p = tl.load(products + signal * t + columns, mask=columns < t, other=0.0)
    total = p * 0
    for first in range(0, t, ROWS):
        rows = first + tl.arange(0, ROWS)
        inside = (rows[:, None] < t) & (columns[None, :] <= rows[:, None])
        M = tl.load(triangle + signal * T * T + rows[:, None] * T + columns[None, :], mask=inside, other=0.0)
        values = tl.sum(M * p[None, :], 1)
        tl.store(along + signal * t + rows, values, mask=rows < t)
        total += tl.sum(M * values[:, None], 0)
    tl.store(before + signal * t + columns, total, mask=columns < t)
