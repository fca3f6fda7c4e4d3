"""Operations on a CUDA device by a Triton kernel that reads once what torch's own operations read twice."""

from __future__ import annotations

import importlib
import importlib.util

from torch import Tensor

TRITON = importlib.util.find_spec("triton") is not None
ROWS, WARPS = 8, 1  # rows of a triangle that are read at a time, by so many groups of 32 threads


def directions(triangle: Tensor, products: Tensor) -> tuple[Tensor, Tensor]:
    """Returns along = M p and before = M' along, both (P,N,t), for lower triangles M (P,N,T,T), of which the first
    t rows and columns are used, and vectors p (P,N,t).

    Both products need the same rows of M and nothing above its diagonal, so the kernel reads each row once.
    """
    t = products.shape[2]
    if not (TRITON and triangle.is_cuda and triangle.is_contiguous() and t):
        M = triangle[:, :, :t, :t]
        along = (M @ products[..., None])[..., 0]
        return along, (along[:, :, None] @ M)[:, :, 0]
    products = products.contiguous()
    along, before = products.new_empty(products.shape), products.new_empty(products.shape)
    columns = max(16, 1 << (t - 1).bit_length())
    kernel = importlib.import_module(".torch_triton", __package__).read_rows_once
    kernel[(products.shape[0] * products.shape[1],)](
        triangle, products, along, before, t, triangle.shape[3], ROWS, columns, num_warps=WARPS
    )
    return along, before
