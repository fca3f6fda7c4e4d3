"""OMP against SPAMS, and approximate K-SVD by the clock: verified, then timed, interleaved, in one run.

    make bench            (or: python bench/sparse.py)

Prints a table and writes bench/results/sparse.json. Both libraries get two threads. GFLOP/s counts
2 F K + K T (T + 1) a signal; the rate of SGEMM is measured in the same run.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import spams

from psdl import sparse

THREADS = min(2, os.cpu_count() or 1)
REPEATS = 7
CASES = [(256, 256, 64, 4096), (100, 100, 25, 4096), (112, 112, 4, 16384), (1024, 1024, 256, 128)]
RESULTS = Path(__file__).parent / "results"


def problem(f: int, k: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Random normal signals (n,f) and unit atoms (k,f), float32."""
    rng = np.random.default_rng(f + n)
    D = rng.normal(size=(k, f))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    return rng.normal(size=(n, f)).astype(np.float32), D.astype(np.float32)


def timed(runs: dict[str, Callable[[], Any]], repeats: int = REPEATS) -> dict[str, list[float]]:
    """Seconds of every repetition, the runs in turn, after one that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for repeat in range(repeats + 1):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            if repeat:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def verify(Y: np.ndarray, D: np.ndarray, T: int, codes: sparse.Codes, theirs: Any) -> float:
    """Ends the bench on wrong codes; the median ratio of our residual energy to that of SPAMS.

    SPAMS' omp is order-recursive matching pursuit: it leaves slightly less than OMP, so energies are compared.
    """
    ours = np.square(sparse.residual(Y, D, codes)).sum(axis=1)
    exact = sparse.omp(Y[:200].astype(float), D.astype(float), sparsity=T)
    same = (np.sort(exact.support, axis=1) == np.sort(codes.support[:200], axis=1)).all(axis=1).mean()
    ratio = float(np.median(ours / np.square(Y - theirs.T @ D).sum(axis=1)))
    if same < 0.9 or not 0.99 < ratio < 1.05 or theirs.nnz < 0.99 * len(Y) * T:
        raise SystemExit(
            f"wrong codes at F={Y.shape[1]}, T={T}: {same:.1%} supports as in float64, energy {ratio:.4f}"
        )
    return ratio


def pursuit(f: int, k: int, T: int, n: int) -> dict[str, Any]:
    """One row of the table."""
    Y, D = problem(f, k, n)
    X, atoms = np.asfortranarray(Y.T), np.asfortranarray(D.T)
    runs: dict[str, Callable[[], Any]] = {
        "psdl": lambda: sparse.omp(Y, D, sparsity=T, threads=THREADS),
        # eps is given: without it some processes return empty codes (an uninitialised default).
        "spams": lambda: spams.omp(X, atoms, L=T, eps=0.0, numThreads=THREADS),
    }
    energy = verify(Y, D, T, runs["psdl"](), runs["spams"]())
    seconds = timed(runs)
    own = float(np.median(seconds["psdl"]))
    return {
        "case": f"F=K={f}, T={T}, N={n}",
        "microseconds_per_signal": {name: float(np.median(s)) / n * 1e6 for name, s in seconds.items()},
        "ratio": float(np.median(np.divide(seconds["spams"], seconds["psdl"]))),
        "residual_energy_ratio": energy,
        "gflops": (2 * f * k + k * T * (T + 1)) * n / own / 1e9,
        "seconds": seconds,
    }


def learning(positions: int = 256, n: int = 761, f: int = 100, T: int = 25, rounds: int = 20) -> dict[str, Any]:
    """Seconds of approximate K-SVD at all positions."""
    Y = np.random.default_rng(0).normal(size=(positions, n, f)).astype(np.float32)
    start = sparse.dct(f)
    sparse.learn(Y[:2], start, sparsity=T, rounds=1, threads=THREADS)
    seconds = timed({"psdl": lambda: sparse.learn(Y, start, sparsity=T, rounds=rounds, threads=THREADS)}, 1)
    return {"case": f"K-SVD, {positions} positions, N={n}, F=K={f}, T={T}, {rounds} rounds", "seconds": seconds}


def table(rows: list[dict[str, Any]], peak: float) -> str:
    """Markdown."""
    lines = [
        "| case | psdl, us a signal | SPAMS | SPAMS / psdl | GFLOP/s | share of SGEMM |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        us = row["microseconds_per_signal"]
        lines.append(
            f"| {row['case']} | {us['psdl']:.2f} | {us['spams']:.2f} | {row['ratio']:.2f} | {row['gflops']:.0f} |"
            f" {row['gflops'] / peak:.0%} |"
        )
    return "\n".join(lines)


def main() -> None:
    A = np.ones((2048, 2048), np.float32)
    peak = 2 * 2048**3 / min(timed({"sgemm": lambda: A @ A})["sgemm"]) / 1e9
    rows = [pursuit(*case) for case in CASES]
    learned = learning()
    print(table(rows, peak))
    print(f"\nSGEMM {peak:.0f} GFLOP/s; {learned['case']}: {learned['seconds']['psdl'][0]:.1f} s")
    versions = {name: version(name) for name in ("psdl", "numpy", "numba", "spams-bin")}
    machine = {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": THREADS,
    }
    out = {"machine": machine, "versions": versions, "sgemm_gflops": peak, "pursuits": rows, "learning": learned}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "sparse.json").write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
