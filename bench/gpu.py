"""psdl.sparse on a CUDA device: checked, then timed, against a GPU package, SPAMS and the kernels on this
machine's CPU.

    PYTHONPATH=src python bench/gpu.py [--out FILE] [--seconds 240]

Needs torch with CUDA, NumPy and numba; orthogonal-matching-pursuit-gpu and SPAMS take part where they are
installed. Two questions: OMP at F=256, K=1024, T=32, the shape of the GPU package's own claim; and approximate
K-SVD of F=K=1024, T=256, 3,629 signals a position, 20 rounds at 256 positions (layer3 of wide_resnet50_2), of
which as many positions are run as the time allows, all rounds, and the rest is extrapolated. Writes
bench/results/gpu.json.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from psdl import sparse

RESULTS = Path(__file__).parent / "results"
WHOLE = {"positions": 256, "rounds": 20, "signals": 3629, "length": 1024, "atoms": 1024, "sparsity": 256}


def problem(f: int, k: int, n: int, positions: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Random normal signals (...,n,f) and unit atoms (k,f), float32."""
    rng = np.random.default_rng(f + n)
    D = rng.normal(size=(k, f))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    shape = (n, f) if positions is None else (positions, n, f)
    return rng.normal(size=shape).astype(np.float32), D.astype(np.float32)


def check(what: str, holds: bool) -> None:
    """Ends the bench where a result is wrong: a time for a wrong result means nothing."""
    print(("holds: " if holds else "WRONG: ") + what, flush=True)
    if not holds:
        raise SystemExit(1)


def timed(run: Callable[[], Any], repeats: int) -> list[float]:
    """Seconds of each call, after one that is not counted."""
    run()
    seconds = []
    for _ in range(repeats):
        torch.cuda.synchronize()
        begun = time.perf_counter()
        run()
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - begun)
    return seconds


def alike(a: sparse.Codes, b: sparse.Codes) -> float:
    """The share of signals with the same atoms."""
    return float((np.sort(a.support) == np.sort(b.support)).all(axis=-1).mean())


def verify(device: str) -> None:
    """Codes and dictionaries of the device against the kernels', before anything is timed."""
    for f, k, t, n in ((256, 1024, 32, 512), (128, 256, 100, 256), (40, 17, 17, 200)):
        Y, D = (values.astype(np.float64) for values in problem(f, k, n))
        for pursue in (sparse.omp, sparse.ormp):
            codes, expected = pursue(Y, D, sparsity=t, device=device), pursue(Y, D, sparsity=t)
            apart = float(np.abs(codes.to_dense() - expected.to_dense()).max())
            check(f"{pursue.__name__} F={f} K={k} T={t} in float64: coefficients {apart:.1e} apart", apart < 1e-8)
    Y, D = problem(256, 1024, 4096)
    codes, expected = (sparse.omp(Y, D, sparsity=32, device=where) for where in (device, "cpu"))
    check(f"supports equal on {alike(codes, expected):.2%} of float32 signals", alike(codes, expected) >= 0.98)
    codes, expected = (sparse.omp(Y, D, tolerance=128.0, device=where) for where in (device, "cpu"))
    same = float((codes.support >= 0).sum() / (expected.support >= 0).sum())
    check(f"to a tolerance, {same:.4f} times as many atoms", abs(same - 1) < 1e-3)
    for f, k, t in ((64, 96, 8), (64, 96, 48), (128, 160, 110)):
        wide, D = (values.astype(np.float64) for values in problem(f, k, 600, positions=3))
        found = [sparse.learn(wide, D, sparsity=t, rounds=3, device=where)[0] for where in (device, "cpu")]
        apart = float(np.abs(found[0] - found[1]).max())
        check(f"K-SVD with T={t} in float64: dictionaries {apart:.1e} apart", apart < 1e-6)


def package(Y: np.ndarray, D: np.ndarray, sparsity: int, device: str) -> Callable[[], Any] | None:
    """A call of orthogonal-matching-pursuit-gpu, None where it is not installed. It wants atoms as columns."""
    for name in ("omp", "src.omp", "orthogonal_matching_pursuit_gpu", "test_omp"):
        try:
            run = importlib.import_module(name).run_omp
        except (ImportError, AttributeError):
            continue
        atoms = torch.from_numpy(np.ascontiguousarray(D.T)).to(device)
        signals = torch.from_numpy(Y).to(device)
        return lambda: run(atoms, signals, sparsity, normalize=False, fit_intercept=False, alg="v0")
    return None


def peers(Y: np.ndarray, D: np.ndarray, sparsity: int) -> dict[str, Callable[[], Any]]:
    """Calls of SPAMS on all cores, where it is installed."""
    try:
        spams = importlib.import_module("spams")
    except ImportError:
        return {}
    X, atoms = np.asfortranarray(Y.T), np.asfortranarray(D.T)
    return {"spams": lambda: spams.omp(X, atoms, L=sparsity, eps=0.0, numThreads=-1)}


def pursuits(device: str) -> dict[str, Any]:
    """Microseconds a signal at the GPU package's own shape, transfers to the device and back counted, and not."""
    f, k, t, n = 256, 1024, 32, 32768
    Y, D = problem(f, k, n)
    module = importlib.import_module("psdl.sparse.torch")
    signals, atoms = torch.from_numpy(Y[None]).to(device), torch.from_numpy(D[None]).to(device)
    ends = [torch.full((1, n), t, device=device), torch.full((1, n), -1.0, dtype=torch.float64, device=device)]
    runs: dict[str, Callable[[], Any]] = {
        "psdl, on the device": lambda: module._pursue(signals, atoms, t, ends, False),
        "psdl, from and to the CPU": lambda: sparse.omp(Y, D, sparsity=t, device=device),
        "psdl's kernel on all cores": lambda: sparse.omp(Y, D, sparsity=t),
        **peers(Y, D, t),
    }
    own = package(Y, D, t, device)
    if own is not None:
        try:
            own()
            runs["orthogonal-matching-pursuit-gpu"] = own
        except Exception as error:
            print("orthogonal-matching-pursuit-gpu failed:", error, flush=True)
    found = {name: timed(run, 3) for name, run in runs.items()}
    us = {name: float(np.median(seconds)) / n * 1e6 for name, seconds in found.items()}
    for name, value in us.items():
        print(f"F={f} K={k} T={t} N={n}: {name} {value:.2f} us a signal", flush=True)
    return {"case": f"F={f}, K={k}, T={t}, N={n}", "us": us, "seconds": found}


def learning(device: str, seconds: float) -> dict[str, Any]:
    """Seconds of a round of K-SVD, a position at a time of those run together, and what all would take."""
    n, f, k, t = (WHOLE[name] for name in ("signals", "length", "atoms", "sparsity"))
    rng = np.random.default_rng(0)
    start = sparse.random(f, k, 1).astype(np.float32)

    def run(positions: int, rounds: int) -> float:
        Y = rng.standard_normal((positions, n, f), dtype=np.float32)
        begun = time.perf_counter()
        sparse.learn(Y, start, sparsity=t, rounds=rounds, device=device)
        return time.perf_counter() - begun

    rounds = WHOLE["rounds"]
    warm = run(1, 1)
    each = run(8, 1) / 8
    positions = int(np.clip(seconds / (each * rounds), 2, WHOLE["positions"]))
    spent = run(positions, rounds)
    whole = spent / positions * WHOLE["positions"]
    print(f"first call {warm:.1f} s; {positions} positions, all {rounds} rounds: {spent:.1f} s", flush=True)
    print(f"{WHOLE['positions']} positions, told by these: {whole:.0f} s", flush=True)
    run_of = {"positions": positions, "rounds": rounds, "seconds": spent}
    return {"case": WHOLE, **run_of, "extrapolated_seconds": whole}


def on_cpu() -> dict[str, Any]:
    """A round of the same K-SVD at a few positions on the CPU's cores."""
    cores = min(8, os.cpu_count() or 1)
    n, f, k, t = 400, WHOLE["length"], WHOLE["atoms"], WHOLE["sparsity"]
    Y = np.random.default_rng(0).standard_normal((cores, n, f), dtype=np.float32)
    start = sparse.random(f, k, 1).astype(np.float32)
    sparse.learn(Y[:, :2], start, sparsity=2, rounds=1)
    begun = time.perf_counter()
    sparse.learn(Y, start, sparsity=t, rounds=1, threads=cores)
    spent = time.perf_counter() - begun
    whole = spent / (cores * n) * WHOLE["signals"] * WHOLE["positions"] * WHOLE["rounds"]
    print(
        f"on {cores} cores: {cores} positions of {n} signals, a round: {spent:.1f} s; all: {whole:.0f} s",
        flush=True,
    )
    return {"cores": cores, "signals": n, "seconds": spent, "extrapolated_seconds": whole}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=RESULTS / "gpu.json")
    parser.add_argument("--seconds", type=float, default=240, help="about how long all may take")
    parser.add_argument("--device", default="cuda")
    given = parser.parse_args()
    begun = time.perf_counter()
    out: dict[str, Any] = {
        "device": torch.cuda.get_device_name(given.device),
        "cores": os.cpu_count(),
        "processor": platform.processor() or platform.machine(),
        "versions": {"torch": torch.__version__, "numpy": np.__version__},
    }
    steps = {
        "verified": lambda: verify(given.device),
        "pursuits": lambda: pursuits(given.device),
        "learning": lambda: learning(given.device, given.seconds - (time.perf_counter() - begun) - 40),
        "learning_cpu": on_cpu,
    }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    for name, step in steps.items():
        out[name] = step() or True
        out["seconds"] = time.perf_counter() - begun
        given.out.write_text(
            json.dumps(out, indent=1) + "\n"
        )  # what is measured is kept, should a later step fail
        print(f"-- {name} after {out['seconds']:.0f} s", flush=True)


if __name__ == "__main__":
    main()
