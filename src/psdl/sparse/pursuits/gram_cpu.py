"""Products with a dictionary, compiled: correlations, Gram matrices whole or row by row, squared norms.

Every element is summed alone, over the signal's numbers in order, so that a product has the same bits whether it
is computed with others, alone, in one thread or in several.
"""

from __future__ import annotations

import numpy as np

from ..kernels import kernel
from ..simd import lanes, product, products, turn

TILE = 16  # rows of float16 numbers that are transposed at once
STRIP = 256  # rows of others, whose lines stay in the nearest cache until all their vectors are read
PANEL = 256  # bytes of a row of a panel: four vectors
LARGE = 512 * 1024  # bytes from which a dictionary is read in panels that stay in the second-level cache


@kernel
def start_of_line(raw):
    """The index of the first element of raw (n,) that starts a cache line."""
    return (-raw.ctypes.data % 64) // raw.itemsize


@kernel
def transpose(rows, out):
    """out (F,W) <- rows (K,F) of floats transposed and padded with zeros."""
    count, length = rows.shape
    side = lanes(rows)
    turned, across = count // side * side, length // side * side
    for k0 in range(0, turned, STRIP):
        for f in range(0, across, side):
            for k in range(k0, min(k0 + STRIP, turned), side):
                turn(rows, k, f, out)
    for f in range(length):
        for k in range(turned if f < across else 0, count):
            out[f, k] = rows[k, f]
        for k in range(count, out.shape[1]):
            out[f, k] = 0


@kernel
def transpose_bits(rows, out):
    """As `transpose`, of dictionaries (P,K,F) of integers, the bits of float16 numbers."""
    positions, count, length = rows.shape
    out[:] = 0
    for p in range(positions):
        for k0 in range(0, count, TILE):
            for f in range(length):
                for k in range(k0, min(k0 + TILE, count)):
                    out[p, f, k] = rows[p, k, f]


@kernel
def transpose_all(rows, out):
    """As `transpose`, of dictionaries (P,K,F)."""
    for p in range(rows.shape[0]):
        transpose(rows[p], out[p])


@kernel
def prepare_all(dictionary, width):
    """What pursuits read of dictionaries (P,K,F): transposed (P,F,W), padded with zeros to W = `width`, and
    squared norms (P,K); and the smallest of these."""
    positions, length = dictionary.shape[0], dictionary.shape[2]
    raw = np.empty(positions * length * width + 16, dictionary.dtype)
    at = start_of_line(raw)
    transposed = raw[at : at + positions * length * width].reshape(positions, length, width)
    squares, least = prepare_into(dictionary, transposed)
    return transposed, squares, least


@kernel
def prepare_into(dictionary, transposed):
    """As `prepare_all`, into the memory of transposed (P,F,W)."""
    positions, count = dictionary.shape[:2]
    squares, least = np.empty((positions, count), dictionary.dtype), np.inf
    for p in range(positions):
        transpose(dictionary[p], transposed[p])
        squared_norms(transposed[p], squares[p])
        for k in range(count):
            least = min(least, np.float64(squares[p, k]))
    return squares, least


@kernel(fastmath={"contract", "nsz"})
def squared_norms(transposed, squares):
    """squares (W,) <- the squared norms of the atoms of transposed (F,W): the diagonal of the Gram matrix."""
    squares[:] = 0
    for f in range(transposed.shape[0]):
        for k in range(squares.shape[0]):
            squares[k] += transposed[f, k] * transposed[f, k]


@kernel
def correlate(signals, first, count, transposed, a, row):
    """a[row:row+count] = signals[first:first+count] @ transposed, of signals (N,F), transposed (F,W), a (.,W)."""
    n, length = 0, transposed.shape[0]
    while n + 4 <= count:
        products(a, row + n, signals, first + n, transposed, 0, length)
        n += 4
    while n < count:
        product(a, row + n, signals, first + n, transposed, 0, length)
        n += 1


@kernel
def correlate_in_panels(signals, first, count, transposed, a, row):
    """As `correlate`, the same bits, for dictionaries that exceed the cache: panels of columns are read from it by
    all signals before the next panel comes."""
    length, width = transposed.shape
    columns = PANEL // transposed.itemsize
    raw = np.empty((length + 4) * columns + 64, transposed.dtype)
    at = start_of_line(raw)
    panel = raw[at : at + length * columns].reshape(length, columns)
    tile = raw[at + length * columns : at + (length + 4) * columns].reshape(4, columns)
    for c in range(0, width, columns):
        wide = min(columns, width - c)
        for f in range(length):
            for k in range(wide):
                panel[f, k] = transposed[f, c + k]
            for k in range(wide, columns):
                panel[f, k] = 0
        n = 0
        while n < count:
            together = 4 if n + 4 <= count else 1
            if together == 4:
                products(tile, 0, signals, first + n, panel, 0, length)
            else:
                product(tile, 0, signals, first + n, panel, 0, length)
            for s in range(together):
                for k in range(wide):
                    a[row + n + s, c + k] = tile[s, k]
            n += together


@kernel
def gram_rows(dictionary, transposed, gram, first, last):
    """gram[first:last] of the Gram matrix (K,W) of a dictionary (K,F), given transposed and padded (F,W)."""
    if last - first > 16 and transposed.size * transposed.itemsize > 32768:
        correlate_in_panels(dictionary, first, last - first, transposed, gram, first)
    else:
        correlate(dictionary, first, last - first, transposed, gram, first)


@kernel
def gram_row(dictionary, transposed, gram, known, j, a, n, mask, s, ahead):
    """Row j of a Gram matrix (K,W) of which only the rows with known (K,) are there, with up to `ahead` others,
    the best correlated in a[n] of those that count in mask[s]: they are likely to be asked for next, and the
    dictionary (K,F), transposed (F,W), is read once for all."""
    length, width = transposed.shape
    four, out = np.empty((4, length), gram.dtype), np.empty((4, width), gram.dtype)
    rows = np.empty(4, np.intp)
    rows[0], count = j, 1
    known[j] = 1
    while count < min(4, 1 + ahead):
        best, top = -1, gram.dtype.type(0)
        for k in range(known.shape[0]):
            if not known[k] and mask[s, k] != 0 and abs(a[n, k]) > top:
                best, top = k, abs(a[n, k])
        if best < 0:
            break
        rows[count] = best
        known[best] = 1
        count += 1
    for i in range(count):
        four[i] = dictionary[rows[i]]
    if count == 4:
        products(out, 0, four, 0, transposed, 0, length)
    else:
        for i in range(count):
            product(out, i, four, i, transposed, 0, length)
    for i in range(count):
        gram[rows[i]] = out[i]
