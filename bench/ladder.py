"""The rungs of the OMP kernel, slowest first: each is checked against the definition, then timed, in one run.

    make bench NAME=ladder

Prints the table of docs/kernels.md and writes bench/results/ladder.json. One thread, float32, Gram matrix at hand,
so that nothing but the kernel is timed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from psdl import sparse
from psdl.sparse.pursuits import omp as definition

CASES = [(256, 256, 64, 1024), (100, 100, 25, 4096), (112, 112, 4, 8192), (1024, 1024, 256, 32)]
REPEATS = 7
FAST = {"reassoc", "contract", "arcp", "nsz"}
RESULTS = Path(__file__).parent / "results"


@njit(nogil=True, cache=True, fastmath=FAST)
def least_squares_rung(Y, D, G, support, x, rows_at_once):
    """Batch-OMP with the rows W of correlations with orthonormal directions; `rows_at_once` of W a pass, 1 or
    8."""
    atoms, T = D.shape[0], support.shape[1]
    a, W = np.empty(atoms, D.dtype), np.empty((T, atoms), D.dtype)
    h, c = np.empty((T, T), D.dtype), np.empty(T, D.dtype)
    for n in range(Y.shape[0]):
        for k in range(atoms):
            a[k] = 0
            for f in range(Y.shape[1]):
                a[k] += D[k, f] * Y[n, f]
        for t in range(T):
            j = 0
            for k in range(atoms):
                j = k if abs(a[k]) > abs(a[j]) else j
            norm2 = G[j, j]
            for m in range(t):
                h[t, m] = W[m, j]
                norm2 -= h[t, m] * h[t, m]
            for k in range(atoms):
                W[t, k] = G[j, k]
            m = 0
            while rows_at_once == 8 and m + 8 <= t:
                for k in range(atoms):
                    first = h[t, m] * W[m, k] + h[t, m + 1] * W[m + 1, k]
                    second = h[t, m + 2] * W[m + 2, k] + h[t, m + 3] * W[m + 3, k]
                    third = h[t, m + 4] * W[m + 4, k] + h[t, m + 5] * W[m + 5, k]
                    W[t, k] -= first + second + third + h[t, m + 6] * W[m + 6, k] + h[t, m + 7] * W[m + 7, k]
                m += 8
            while m < t:
                for k in range(atoms):
                    W[t, k] -= h[t, m] * W[m, k]
                m += 1
            h[t, t] = np.sqrt(norm2)
            inverse = 1 / h[t, t]
            c[t] = a[j] * inverse
            support[n, t] = j
            for k in range(atoms):
                W[t, k] *= inverse
                a[k] -= c[t] * W[t, k]
            for m in range(t + 1):
                a[support[n, m]] = 0
        for i in range(T - 1, -1, -1):
            x[n, i] = c[i] / h[i, i]
            for m in range(i):
                c[m] -= x[n, i] * h[i, m]


def written_out(rows_at_once: int) -> Callable[..., sparse.Codes]:
    """A rung in plain numba loops."""

    def run(Y: np.ndarray, prepared: sparse.Prepared, T: int) -> sparse.Codes:
        D = prepared.atoms[0]
        gram = np.ascontiguousarray(prepared.gram[0][:, : len(D)])  # type: ignore[index]
        codes = sparse.Codes(np.empty((len(Y), T), np.int32), np.empty((len(Y), T), Y.dtype))
        least_squares_rung(Y, D, gram, *codes, rows_at_once)
        return codes

    return run


def library(Y: np.ndarray, prepared: sparse.Prepared, T: int) -> sparse.Codes:
    """The library's kernel: sums in registers, step and choice in one sweep, signals in lock step."""
    return sparse.omp(Y, prepared, sparsity=T, threads=1)


RUNGS: dict[str, Callable[..., sparse.Codes]] = {
    "plain loops, one row of W a pass": written_out(1),
    "eight rows of W a pass": written_out(8),
    "signals in lock step": library,
}


def climb(f: int, k: int, T: int, n: int) -> dict[str, float]:
    """Microseconds a signal of every rung; the definition codes a few signals once."""
    rng = np.random.default_rng(f)
    D = rng.normal(size=(k, f))
    D = (D / np.linalg.norm(D, axis=1, keepdims=True)).astype(np.float32)
    Y = rng.normal(size=(n, f)).astype(np.float32)
    prepared = sparse.prepare(D)
    begun = time.perf_counter()
    support, _ = definition.omp(Y[:8].astype(float), D.astype(float), T)
    found = {"the definition, NumPy": (time.perf_counter() - begun) / 8 * 1e6}
    for name, rung in RUNGS.items():
        same = (rung(Y[:8], prepared, T).support == support).all(axis=1).mean()
        if same < 0.7:
            raise SystemExit(f"wrong: {name}, F={f}: {same:.0%} of supports as the definition's")
    seconds: dict[str, list[float]] = {name: [] for name in RUNGS}
    for _ in range(REPEATS):
        for name, rung in RUNGS.items():
            begun = time.perf_counter()
            rung(Y, prepared, T)
            seconds[name].append(time.perf_counter() - begun)
    return found | {name: float(np.median(s)) / n * 1e6 for name, s in seconds.items()}


def main() -> None:
    cases = [f"F=K={f}, T={T}" for f, _, T, _ in CASES]
    found = [climb(*case) for case in CASES]
    print("| rung | " + " | ".join(cases) + " |")
    print("|---" * (len(CASES) + 1) + "|")
    for name in found[0]:
        print(f"| {name} | " + " | ".join(f"{row[name]:.4g}" for row in found) + " |")
    out: dict[str, Any] = dict(zip(cases, found, strict=True))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "ladder.json").write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
