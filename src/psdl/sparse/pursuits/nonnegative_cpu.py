"""Non-negative orthogonal matching pursuit, compiled: the same function as `nonnegative.py`.

Everything is computed from correlations: a0 = D y, those of the signal with the atoms, and G, those of the atoms
with each other. The correlations of the residual are a = a0 - x G, and its energy is |y|^2 - x (a0 + a) on the
support.
"""

from __future__ import annotations

import numpy as np

from ..kernels import kernel
from .gram_cpu import correlate, gram_row
from .scratch_cpu import FAST, count_in, floors, norm, own_gram, scratch, stretch


@kernel
def factor(gram, chosen, free, count, floor, L):
    """L (.,.) <- the Cholesky factor of the Gram matrix of the atoms chosen[free[:count]], in float64. Returns the
    number of rows before the first atom that depends linearly on those before it."""
    for i in range(count):
        for m in range(i + 1):
            value = np.float64(gram[chosen[free[m]], chosen[free[i]]])
            for l in range(m):
                value -= L[i, l] * L[m, l]
            if m < i:
                L[i, m] = value / L[m, m]
            elif value <= floor[chosen[free[i]]]:
                return i
            else:
                L[i, i] = np.sqrt(value)
    return count


@kernel
def solved(L, b, count):
    """b (count,) <- the solution x of L L' x = b."""
    for i in range(count):
        for m in range(i):
            b[i] -= L[i, m] * b[m]
        b[i] /= L[i, i]
    for i in range(count - 1, -1, -1):
        for m in range(i + 1, count):
            b[i] -= L[m, i] * b[m]
        b[i] /= L[i, i]


@kernel
def least_squares(gram, a0, chosen, count, bars, floor, L, x):
    """x (count,) float64 <- the non-negative coefficients of the atoms chosen[:count] that approximate the signal
    best, starting from the active set of x. Scratch: L (.,.)."""
    free, wanted = np.empty(count, np.intp), np.empty(count)
    used = 0
    for i in range(count):
        if x[i] > 0:
            free[used] = i
            used += 1
    for _ in range(3 * count):
        best, most = -1, 0.0
        for i in range(count):
            if x[i] > 0:
                continue
            gain = np.float64(a0[chosen[i]])
            for m in range(count):
                gain -= x[m] * np.float64(gram[chosen[m], chosen[i]])
            if gain > bars[i] and gain > most:
                best, most = i, gain
        if best < 0:
            return
        free[used] = best
        used += 1
        while True:
            if factor(gram, chosen, free, used, floor, L) < used:
                return
            for i in range(used):
                wanted[i] = a0[chosen[free[i]]]
            solved(L, wanted, used)
            share = 1.0
            for i in range(used):
                if wanted[i] <= 0:
                    share = min(share, x[free[i]] / (x[free[i]] - wanted[i]))
            kept = 0
            for i in range(used):
                before, value = x[free[i]], wanted[i]
                x[free[i]] = value if share == 1.0 else before + share * (value - before)
                if wanted[i] <= 0 and (x[free[i]] <= 1e-14 * abs(wanted[i]) or x[free[i]] <= 0):
                    x[free[i]] = 0.0
                else:
                    free[kept] = free[i]
                    kept += 1
            if share == 1.0:
                break
            used = kept
            if used == 0:
                break


@kernel(fastmath=FAST)
def follow(scratch, atoms, gram, share, least, length, enough, limit, support, out, n):
    """Codes one signal of norm `length` from its correlations scratch.a[0] to support[n] (T,) and out[n] (T,)."""
    dictionary, transposed, squares = atoms
    gram, known = gram
    a, mask, floor = scratch.a, scratch.mask, scratch.floor
    T = support.shape[1]
    a0, taken = a[0].copy(), np.zeros(squares.shape[0], np.uint8)
    chosen, x = np.empty(T + 1, np.intp), np.zeros(T + 1)
    bars, L = np.empty(T + 1), np.empty((T + 1, T + 1))
    count, energy, bar = 0, length * length, share * length
    order = np.empty(T + 1, np.intp)
    while count < min(limit, T) and energy > enough:
        j, most = -1, a.dtype.type(0)
        for k in range(squares.shape[0]):
            if a[0, k] > most and not taken[k] and a[0, k] > bar * np.sqrt(np.float64(squares[k])):
                j, most = k, a[0, k]
        if j < 0:
            break
        taken[j] = 1
        if not known[j]:
            gram_row(dictionary, transposed, gram, known, j, a, 0, mask, 0, 2)
        chosen[count], x[count] = j, 0.0
        for i in range(count + 1):
            order[i] = i
            bars[i] = bar * np.sqrt(np.float64(squares[chosen[i]]))
        if factor(gram, chosen, order, count + 1, floor, L) <= count:
            break
        least_squares(gram, a0, chosen, count + 1, bars, floor, L, x)
        kept = 0
        for i in range(count + 1):
            if x[i] > 0:
                chosen[kept], x[kept] = chosen[i], x[i]
                kept += 1
        count = kept
        for k in range(a.shape[1]):
            a[0, k] = a0[k]
        for i in range(count):
            value, row = a.dtype.type(x[i]), chosen[i]
            for k in range(a.shape[1]):
                a[0, k] -= value * gram[row, k]
        energy = length * length
        for i in range(count):
            energy -= x[i] * (np.float64(a0[chosen[i]]) + np.float64(a[0, chosen[i]]))
    for i in range(count):
        support[n, i] = chosen[i]
        out[n, i] = x[i]


@kernel
def nonnegative_items(signals, atoms, gram, stops, enough, limits, support, x, first, last):
    """Codes the signals `first` to `last` (exclusive), see `omp_cpu.omp_items`."""
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
            length = norm(signals[p, n])
            follow(room, one, own, stops[0], least, length, enough[p, n], limits[p, n], support[p], x[p], n)
