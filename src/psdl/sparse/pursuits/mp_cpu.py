"""Matching pursuit, compiled: the same function as `mp.py`."""

from __future__ import annotations

import numpy as np

from ..kernels import kernel
from .gram_cpu import correlate, gram_row
from .scratch_cpu import FAST, another, count_in, floors, norm, own_gram, scratch, stretch, weak
from .step_simd import largest


@kernel(fastmath=FAST)
def follow(scratch, atoms, gram, share, least, length, enough, steps, support, x, n):
    """Codes one signal of norm `length`, whose correlations scratch.a[0] are overwritten, to support[n] (T,) and
    x[n] (T,), in at most `steps` steps and with at most T different atoms. An atom chosen again adds to its
    coefficient."""
    dictionary, transposed, squares = atoms
    gram, known = gram
    a, mask, one = scratch.a, scratch.mask, scratch.a.dtype.type(1)
    energy = length * length
    bar = (share * length) * (share * length)
    count = 0
    for i in range(steps):
        if energy <= enough:
            return
        j = largest(a, 0, mask, 0)
        if weak(a[0, j], squares[j], bar):
            j = another(a, 0, mask, 0, squares, bar, least, support, n, 0, None, scratch.left, scratch.floor, one)
            if j < 0:
                return
        value = a[0, j] / squares[j]
        energy -= np.float64(a[0, j]) * np.float64(value)
        place = count
        for m in range(count):
            if support[n, m] == j:
                place = m
        if place == support.shape[1]:
            return
        if place == count:
            support[n, count] = j
            count += 1
        x[n, place] += value
        if not known[j]:
            gram_row(dictionary, transposed, gram, known, j, a, 0, mask, 0, min(steps - i - 1, 3))
        for k in range(a.shape[1]):
            a[0, k] -= value * gram[j, k]


@kernel
def mp_items(signals, atoms, gram, stops, enough, limits, support, x, first, last):
    """Codes the signals `first` to `last` (exclusive), see `omp_cpu.omp_items`; limits (P,N) are numbers of
    steps."""
    dictionaries, columns, squares = atoms
    count = max(1, signals.shape[1])
    room = scratch(gram, 1, columns.shape[2], 4, 1)
    there = np.ones(gram.shape[1], np.uint8)
    for p in range(first // count, (last + count - 1) // count):
        start, stop = stretch(p, count, first, last)
        one = dictionaries[p], columns[p], squares[p]
        own = (gram[p], there) if gram.shape[0] > 0 else own_gram(one, stop - start, support.shape[2])
        least = floors(squares[p], squares.shape[1], stops[1], room.floor)
        count_in(room.mask, squares.shape[1])
        for n in range(start, stop):
            support[p, n] = -1
            x[p, n] = 0
            correlate(signals[p], n, 1, columns[p], room.a, 0)
            follow(
                room,
                one,
                own,
                stops[0],
                least,
                norm(signals[p, n]),
                enough[p, n],
                limits[p, n],
                support[p],
                x[p],
                n,
            )
