"""Labels the 8-connected components of a mask by union-find (Hoshen, Kopelman 1976)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from psdl.sparse.kernels import kernel


def label(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int32], int]:
    """Returns the labels (h,w) int32 of the components of a mask (h,w) bool, and their number.

    Labels are 0 outside the mask and count from 1 in the order of the components' first pixels, row by row.
    """
    labels = np.zeros(mask.shape, np.int32)
    count = _label(np.ascontiguousarray(mask), labels, np.zeros(mask.size // 2 + 2, np.int32))
    return labels, int(count)


@kernel
def _root(parent: Any, i: Any) -> Any:
    """Returns the root of label i, and shortens the path to it."""
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@kernel
def _label(mask: Any, labels: Any, parent: Any) -> Any:
    """Writes the labels into `labels` and returns the number of components; `parent` is working memory."""
    height, width = mask.shape
    used = 0
    for y in range(height):
        for x in range(width):
            if not mask[y, x]:
                continue
            own = 0
            for dy, dx in ((-1, -1), (-1, 0), (-1, 1), (0, -1)):
                ny, nx = y + dy, x + dx
                if ny < 0 or nx < 0 or nx >= width or not mask[ny, nx]:
                    continue
                root = _root(parent, labels[ny, nx])
                if own == 0:
                    own = root
                elif root != own:
                    parent[max(root, own)] = min(root, own)
                    own = min(root, own)
            if own == 0:
                used += 1
                own = used
                parent[own] = own
            labels[y, x] = own
    count = 0
    final = np.zeros(used + 1, np.int32)
    for i in range(1, used + 1):
        root = _root(parent, i)
        if root == i:
            count += 1
            final[i] = count
        else:
            final[i] = final[root]
    for y in range(height):
        for x in range(width):
            labels[y, x] = final[labels[y, x]]
    return count
