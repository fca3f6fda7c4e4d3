"""Problems that several tests of the sparse coding library share."""

from __future__ import annotations

import numpy as np


def problem(seed, n=50, f=36, k=36, dtype=np.float64):
    """Random normal signals (n,f) and unit atoms (k,f)."""
    rng = np.random.default_rng(seed)
    D = rng.normal(size=(k, f))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    return rng.normal(size=(n, f)).astype(dtype), D.astype(dtype)


def structured(seed, n, f):
    """Signals (n,f), sparse in a hidden dictionary, plus noise."""
    rng = np.random.default_rng(seed)
    D = rng.normal(size=(2 * f, f))
    X = rng.normal(size=(n, 2 * f)) * (rng.random((n, 2 * f)) < 0.05)
    return X @ D + 0.05 * rng.normal(size=(n, f))


def coherent(seed, n, f, k):
    """Signals and atoms that are all much alike: the hard case for greedy pursuits."""
    Y, D = problem(seed, n, f, k)
    D += 2 * D[:1]
    return Y + D[0], D / np.linalg.norm(D, axis=1, keepdims=True)


def odd(seed, f, k, repeat, zero):
    """Five signals and a dictionary with, on request, atoms twice and negated, a zero signal and a zero atom."""
    Y, D = problem(seed, n=5, f=f, k=k)
    if repeat:
        D = np.concatenate([D, D[: k // 2 + 1], -D[:1]])
    if zero:
        Y[2], D[0] = 0, 0
    return Y, D


def energies(Y, D, codes):
    """What codes leave of each signal."""
    from psdl import sparse

    return np.square(sparse.residual(Y, D, codes)).sum(axis=-1)
