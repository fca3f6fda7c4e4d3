"""psdl.sparse against SPAMS, dictlearn and scikit-learn: verified, then timed, interleaved, in one run.

    make bench            (or: python bench/sparse.py; ten minutes)

Prints its tables and writes bench/results/sparse.json. Every library gets two threads. GFLOP/s counts
2 F K + K T (T + 1) a signal, what OMP costs, for ORMP too; the rate of SGEMM is measured in the same run. Between
timings there is a pause, since BLAS threads go on spinning after a call and would slow whoever comes next.
"""

from __future__ import annotations

import json
import os
import platform
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dictlearn
import numpy as np
import spams
from numba import njit
from sklearn.linear_model import orthogonal_mp

from psdl import sparse

THREADS = min(2, os.cpu_count() or 1)
REPEATS = 9
PAUSE, LONG = 0.05, 0.05  # seconds
CASES = [(256, 256, 64, 4096), (100, 100, 25, 4096), (112, 112, 4, 16384), (1024, 1024, 256, 128)]
SINGLE = [(64, 256, 5), (256, 256, 64), (192, 512, 8), (512, 2048, 16), (2048, 4096, 16)]
SLOW = 256  # signals that the slow peers code, once
RESULTS = Path(__file__).parent / "results"


def problem(f: int, k: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Random normal signals (n,f) and unit atoms (k,f), float32."""
    rng = np.random.default_rng(f + n)
    D = rng.normal(size=(k, f))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    return rng.normal(size=(n, f)).astype(np.float32), D.astype(np.float32)


def timed(runs: dict[str, Callable[[], Any]], repeats: int = REPEATS) -> dict[str, list[float]]:
    """Seconds a call, of every repetition, the runs in turn.

    A repetition is a pause, a call that is not counted and wakes the cores up, then calls for at least LONG
    seconds.
    """
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            time.sleep(PAUSE)
            run()
            calls, start = 0, time.perf_counter()
            while time.perf_counter() - start < LONG:
                run()
                calls += 1
            seconds[name].append((time.perf_counter() - start) / calls)
    return seconds


def check(what: str, holds: bool) -> None:
    """Ends the bench where a result is wrong: a time for a wrong result means nothing."""
    if not holds:
        raise SystemExit(f"wrong: {what}")


def chosen(support: np.ndarray) -> list[set[int]]:
    """The atoms of each signal."""
    return [{k for k in row if k >= 0} for row in support.tolist()]


def verify(Y: np.ndarray, D: np.ndarray, T: int, theirs: Any) -> dict[str, float]:
    """Supports against scikit-learn's (float64) and SPAMS' (whose omp is ORMP), energies against SPAMS'."""
    case = f"F={Y.shape[1]}, T={T}"
    few = Y[:64].astype(float)
    exact = sparse.omp(few, D.astype(float), sparsity=T)
    peers = orthogonal_mp(D.T.astype(float), few.T, n_nonzero_coefs=T).T
    same = np.mean([set(np.nonzero(a)[0]) == b for a, b in zip(peers, chosen(exact.support), strict=True)])
    check(f"supports are scikit-learn's in float64 on {same:.1%} of signals, {case}", same == 1)
    check(f"SPAMS returned {theirs.nnz} of {len(Y) * T} coefficients, {case}", theirs.nnz > 0.99 * len(Y) * T)
    spams_sets = [set(theirs.indices[a:b]) for a, b in zip(theirs.indptr, theirs.indptr[1:], strict=False)]
    ormp, omp = (pursue(Y, D, sparsity=T) for pursue in (sparse.ormp, sparse.omp))
    alike = np.mean([a == b for a, b in zip(spams_sets, chosen(ormp.support), strict=True)])
    check(f"supports are SPAMS' ORMP on {alike:.1%} of signals, {case}", alike > 0.98)
    left = [np.square(sparse.residual(Y, D, codes)).sum(axis=1) for codes in (omp, ormp)]
    energy = np.square(Y - theirs.T @ D).sum(axis=1)
    ratio = float(np.median(left[0] / energy))
    check(f"OMP leaves {ratio:.4f} of what SPAMS leaves, {case}", 0.999 < ratio < 1.05)
    return {"supports_as_spams": float(alike), "omp_energy_over_spams": ratio}


def pursuit(f: int, k: int, T: int, n: int) -> dict[str, Any]:
    """One row of the first table."""
    Y, D = problem(f, k, n)
    X, atoms = np.asfortranarray(Y.T), np.asfortranarray(D.T)
    runs: dict[str, Callable[[], Any]] = {
        "omp": lambda: sparse.omp(Y, D, sparsity=T, threads=THREADS),
        # eps is given: without it some processes return empty codes (an uninitialised default).
        "spams": lambda: spams.omp(X, atoms, L=T, eps=0.0, numThreads=THREADS),
        "ormp": lambda: sparse.ormp(Y, D, sparsity=T, threads=THREADS),
    }
    found = verify(Y, D, T, runs["spams"]())
    seconds = timed(runs)
    few = Y[:SLOW]
    slow = timed(
        {
            "dictlearn": lambda: dictlearn.sparse_encode(few, D, algorithm="batch_omp", n_nonzero_coefs=T),
            "scikit-learn": lambda: orthogonal_mp(D.T, few.T, n_nonzero_coefs=T),
        },
        1,
    )
    us = {name: float(np.median(s)) / n * 1e6 for name, s in seconds.items()}
    us |= {name: s[0] / len(few) * 1e6 for name, s in slow.items()}
    ratios = {name: float(np.median(np.divide(seconds["spams"], seconds[name]))) for name in ("omp", "ormp")}
    gflops = (2 * f * k + k * T * (T + 1)) / us["omp"] / 1e3
    case = f"F=K={f}, T={T}, N={n}"
    return {"case": case, "us": us, "spams_over": ratios, "gflops": gflops, "seconds": seconds, **found}


@njit(nogil=True, cache=True, fastmath={"reassoc"})
def total(values: np.ndarray) -> int:
    """A sum that reads all of `values`."""
    found = 0
    for value in values:
        found += value
    return found


def reading(array: np.ndarray) -> Callable[[], Any]:
    """Reads `array` once from memory, on as many threads as the others get."""
    parts = np.array_split(array.reshape(-1).view(np.int64), THREADS)
    pool = ThreadPoolExecutor(THREADS)
    return lambda: list(pool.map(total, parts))


def one_image(positions: int, f: int, k: int, T: int, stores: list[str]) -> dict[str, Any]:
    """One signal at each of many positions, each with its own dictionary, against the time to read those once."""
    rng = np.random.default_rng(f)
    D = rng.normal(size=(positions, k, f)).astype(np.float32)
    D /= np.linalg.norm(D, axis=2, keepdims=True)
    Y = rng.normal(size=(positions, 1, f)).astype(np.float32)
    kinds = {"gram": {}, "no gram": {"gram": False}, "float16": {"half": True}}
    ready = {name: sparse.prepare(D, **kinds[name]) for name in stores}
    exact = sparse.omp(Y[:64].astype(float), D[:64].astype(float), sparsity=T).support
    for name, prepared in ready.items():
        same = (sparse.omp(Y, prepared, sparsity=T).support[:64] == exact).all(axis=2).mean()
        check(f"{name}, F={f}: {same:.1%} of supports as in float64", same > (0.6 if name == "float16" else 0.98))
    runs = {name: lambda p=p: sparse.omp(Y, p, sparsity=T, threads=THREADS) for name, p in ready.items()}
    seconds = timed(runs | {"read": reading(D), "read float16": reading(D.astype(np.float16))})
    ms = {name: float(np.median(s)) * 1e3 for name, s in seconds.items()}
    case = f"{positions} positions, F={f}, K={k}, T={T}"
    return {"case": case, "ms": ms, "mb": {name: p.nbytes / 1e6 for name, p in ready.items()}, "seconds": seconds}


def tolerant(sigma: int) -> dict[str, Any]:
    """All 8 x 8 patches of a photograph with noise, less their means, coded to the noise's energy, one thread."""
    from numpy.lib.stride_tricks import sliding_window_view
    from skimage.data import camera

    image = camera().astype(np.float32)
    noisy = (image + sigma * np.random.default_rng(0).normal(size=image.shape)).astype(np.float32)
    Y = np.ascontiguousarray(sliding_window_view(noisy, (8, 8)).reshape(-1, 64)[::8])
    Y = Y - Y.mean(axis=1, keepdims=True)
    D, enough = sparse.dct(64, 256).astype(np.float32), float(64 * (1.15 * sigma) ** 2)
    X, atoms = np.asfortranarray(Y.T), np.asfortranarray(D.T)
    used = (sparse.ormp(Y, D, tolerance=enough).support >= 0).sum()
    theirs = spams.omp(X, atoms, L=64, eps=enough, numThreads=1).nnz
    check(
        f"sigma {sigma}: ORMP takes {used / theirs:.4f} times as many atoms as SPAMS",
        abs(used / theirs - 1) < 1e-3,
    )
    seconds = timed(
        {
            "omp": lambda: sparse.omp(Y, D, tolerance=enough, threads=1),
            "ormp": lambda: sparse.ormp(Y, D, tolerance=enough, threads=1),
            "spams": lambda: spams.omp(X, atoms, L=64, eps=enough, numThreads=1),
        }
    )
    return _against_spams(f"to a tolerance, sigma {sigma}, {used / len(Y):.2f} atoms", len(Y), seconds)


def single(f: int, k: int, T: int) -> dict[str, Any]:
    """One signal a call, one thread: with a prepared dictionary and with one as it is given."""
    Y, D = problem(f, k, 1)
    X, atoms, prepared = np.asfortranarray(Y.T), np.asfortranarray(D.T), sparse.prepare(D)
    seconds = timed(
        {
            "omp, prepared": lambda: sparse.omp(Y, prepared, sparsity=T, threads=1),
            "omp": lambda: sparse.omp(Y, D, sparsity=T, threads=1),
            "spams": lambda: spams.omp(X, atoms, L=T, eps=0.0, numThreads=1),
        }
    )
    return _against_spams(f"one signal, F={f}, K={k}, T={T}", 1, seconds)


def _against_spams(case: str, signals: int, seconds: dict[str, list[float]]) -> dict[str, Any]:
    """A row: microseconds a signal, and how many times as long SPAMS takes, the median of pairs."""
    us = {name: float(np.median(s)) / signals * 1e6 for name, s in seconds.items()}
    over = {name: float(np.median(np.divide(seconds["spams"], s))) for name, s in seconds.items()}
    print(f"{case}: " + ", ".join(f"{name} {us[name]:.2f} us ({over[name]:.2f})" for name in us), flush=True)
    return {"case": case, "us": us, "spams_over": over, "seconds": seconds}


def reference_rounds(Y: np.ndarray, D: np.ndarray, T: int, rounds: int) -> np.ndarray:
    """Approximate K-SVD the reference's way: scikit-learn's OMP, then a dense update of every atom."""
    D = D.copy()
    for _ in range(rounds):
        X = orthogonal_mp(D.T, Y.T, n_nonzero_coefs=T).T
        for k in range(len(D)):
            users = np.nonzero(X[:, k])[0]
            if len(users):
                D[k] = 0
                rest = Y[users] - X[users] @ D
                atom = X[users, k] @ rest
                D[k] = atom / np.linalg.norm(atom)
                X[users, k] = rest @ D[k]
    return D


def learning(positions: int = 256, n: int = 761, f: int = 100, T: int = 25, rounds: int = 20) -> dict[str, Any]:
    """Seconds of approximate K-SVD at all positions, and of the reference's way at one."""
    Y = np.random.default_rng(0).normal(size=(positions, n, f)).astype(np.float32)
    start = sparse.dct(f)
    one = Y[0].astype(float)
    begun = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # it ends early where a signal is coded completely
        theirs = reference_rounds(one, start, T, rounds)
    reference = time.perf_counter() - begun
    ours, _ = sparse.learn(one, start, sparsity=T, rounds=rounds, replace=False)
    apart = float(np.abs(ours - theirs).max())
    check(f"dictionaries after {rounds} rounds differ by {apart:.1e} in float64", apart < 1e-4)
    begun = time.perf_counter()
    sparse.learn(Y, start, sparsity=T, rounds=rounds, replace=False, threads=THREADS)
    seconds = time.perf_counter() - begun
    case = f"{positions} positions, N={n}, F=K={f}, T={T}, {rounds} rounds"
    return {"case": case, "seconds": seconds, "reference_one_position": reference, "apart": apart}


def table(rows: list[dict[str, Any]], peak: float) -> str:
    """The first table, Markdown: microseconds a signal."""
    lines = [
        "| case | OMP | ORMP | SPAMS (ORMP) | SPAMS / OMP | SPAMS / ORMP | dictlearn | scikit-learn | GFLOP/s |"
        " of SGEMM |",
        "|---" * 10 + "|",
    ]
    for row in rows:
        us, over, share = row["us"], row["spams_over"], row["gflops"] / peak
        lines.append(
            f"| {row['case']} | {us['omp']:.2f} | {us['ormp']:.2f} | {us['spams']:.2f} | {over['omp']:.1f} |"
            f" {over['ormp']:.1f} | {us['dictlearn']:.0f} | {us['scikit-learn']:.0f} | {row['gflops']:.0f} |"
            f" {share:.0%} |"
        )
    return "\n".join(lines)


def image_table(rows: list[dict[str, Any]]) -> str:
    """The second table, Markdown: milliseconds an image, times of one reading, memory."""
    lines = ["| one image | kept | ms | readings | MB held |", "|---|---|---|---|---|"]
    for row in rows:
        for name, size in row["mb"].items():
            read = row["ms"]["read float16" if name == "float16" else "read"]
            lines.append(
                f"| {row['case']} | {name} | {row['ms'][name]:.1f} | {row['ms'][name] / read:.1f} | {size:.0f} |"
            )
    return "\n".join(lines)


def main() -> None:
    A = np.ones((2048, 2048), np.float32)
    peak = 2 * 2048**3 / min(timed({"sgemm": lambda: A @ A})["sgemm"]) / 1e9
    rows = [pursuit(*case) for case in CASES]
    print(table(rows, peak), f"\n\nSGEMM {peak:.0f} GFLOP/s\n")
    images = [
        one_image(256, 256, 256, 64, ["gram", "no gram"]),
        one_image(1024, 152, 761, 4, ["no gram", "float16"]),
        one_image(1024, 152, 128, 4, ["gram", "no gram", "float16"]),
    ]
    print(image_table(images))
    tolerances = [tolerant(sigma) for sigma in (10, 25, 50)]
    singles = [single(*case) for case in SINGLE]
    learned = learning()
    reference = learned["reference_one_position"] * 256
    print(
        f"\nK-SVD, {learned['case']}: {learned['seconds']:.1f} s; the reference's way, one position times 256:",
        end=" ",
    )
    print(f"{reference:.0f} s, {reference / learned['seconds']:.0f} times as long")
    packages = ("psdl", "numpy", "numba", "spams-bin", "dictlearn", "scikit-learn")
    machine = {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": THREADS,
    }
    out = {
        "machine": machine,
        "versions": {name: version(name) for name in packages},
        "sgemm_gflops": peak,
        "pursuits": rows,
        "images": images,
        "tolerances": tolerances,
        "singles": singles,
        "learning": learned,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "sparse.json").write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
