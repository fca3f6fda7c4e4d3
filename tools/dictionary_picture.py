"""Writes docs/images/dictionary.png: a dictionary learned from patches of bricks, and its statistics.

python tools/dictionary_picture.py        (needs the extra [bench])
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from skimage import data

from psdl import sparse

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "dictionary.png"
SIDE, ATOMS, SPARSITY = 10, 100, 6


def main() -> None:
    bricks = data.brick().astype(np.float32) / 255
    patches = np.lib.stride_tricks.sliding_window_view(bricks, (SIDE, SIDE))[::3, ::3].reshape(-1, SIDE * SIDE)
    signals = patches - patches.mean(axis=1, keepdims=True)
    start = sparse.spread(signals[::10], ATOMS)
    dictionary, codes = sparse.learn(signals, start, sparsity=SPARSITY, rounds=15, replace=True)
    left = np.square(sparse.residual(signals, dictionary, codes)).sum() / np.square(signals).sum()
    sparse.picture(dictionary, PICTURE, codes)
    print(f"{PICTURE.name}: {len(signals)} signals, of whose energy {left:.1%} is left")


if __name__ == "__main__":
    main()
