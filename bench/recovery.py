"""How many atoms of planted dictionaries are found: the experiment of the K-SVD paper, against peers.

    python bench/recovery.py [trials]        (50 trials: some minutes)

A trial plants a dictionary of 50 atoms of 20 numbers, uniform and normalised, draws 1,500 signals of 3 atoms with
normal coefficients, adds noise, and learns from drawn signals for 80 rounds. An atom counts as found where an atom
learned lies within |cosine| > 0.99 of it. Prints the table of docs/gallery.md and writes
bench/results/recovery.json.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from psdl import sparse

RESULTS = Path(__file__).parent / "results"
SIGNALS, LENGTH, ATOMS, SPARSITY, ROUNDS = 1500, 20, 50, 3, 80
Learner = Callable[[np.ndarray, np.ndarray], np.ndarray]


def planted(trials: int, snr: float | None, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Signals (trials,N,F) at a signal to noise ratio in dB, none if None, and their dictionaries (trials,K,F)."""
    rng = np.random.default_rng(seed)
    D = rng.uniform(-1, 1, size=(trials, ATOMS, LENGTH))
    D /= np.linalg.norm(D, axis=2, keepdims=True)
    X = np.zeros((trials, SIGNALS, ATOMS))
    places = np.argsort(rng.random(X.shape), axis=2)[..., :SPARSITY]
    np.put_along_axis(X, places, rng.normal(size=places.shape), 2)
    Y = X @ D
    if snr is not None:
        noise = rng.normal(size=Y.shape)
        share = np.square(Y).mean((1, 2), keepdims=True) / np.square(noise).mean((1, 2), keepdims=True)
        Y = Y + noise * np.sqrt(share / 10 ** (snr / 10))
    return Y, D


def found(D: np.ndarray, learned: np.ndarray) -> np.ndarray:
    """How many atoms of each dictionary (trials,K,F) are among those learned."""
    cosines = np.abs(np.einsum("pkf,pjf->pkj", D, learned)).max(axis=2)
    return (cosines > 0.99).sum(axis=1)


def k_svd(**given: Any) -> Learner:
    """K-SVD of this library with these options."""
    return lambda Y, start: sparse.learn(Y, start, sparsity=SPARSITY, rounds=ROUNDS, **given)[0]


def chunks(Y: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Online learning, 80 passes of five chunks."""
    state: Any = start
    for _ in range(ROUNDS):
        for first in range(5):
            state = sparse.online(Y[:, first::5], state, sparsity=SPARSITY, keep=0.9)
    return np.asarray(state.dictionary)


def of_spams(Y: np.ndarray, start: np.ndarray) -> np.ndarray:
    """SPAMS' online learning with as many atoms a signal, as many signals seen."""
    import spams

    given = {"lambda1": SPARSITY, "mode": 3, "batchsize": 300, "iter": ROUNDS * SIGNALS // 300, "verbose": False}
    learned = [
        spams.trainDL(np.asfortranarray(y.T), D=np.asfortranarray(d.T), numThreads=1, **given).T
        for y, d in zip(Y, start, strict=True)
    ]
    return np.stack(learned)


def main() -> None:
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    learners: dict[str, Learner] = {
        "K-SVD, as it is by default": k_svd(),
        "K-SVD, exact": k_svd(learner="exact"),
        "K-SVD, atoms never replaced": k_svd(replace=False),
        "online": chunks,
    }
    try:
        import spams  # noqa: F401

        learners["SPAMS trainDL, L0"] = of_spams
    except ImportError:
        print("SPAMS is not installed and left out")
    rows: list[dict[str, Any]] = []
    for snr in (20, 30, None):
        Y, D = planted(trials, snr)
        start = sparse.drawn(Y, ATOMS, 1)
        for name, learner in learners.items():
            begun = time.perf_counter()
            counts = found(D, learner(Y, start))
            seconds = time.perf_counter() - begun
            rows.append({"learner": name, "snr": snr, "found": counts.tolist(), "seconds": seconds})
    print("| learner | 20 dB | 30 dB | no noise | seconds |\n|---|---|---|---|---|")
    for name in learners:
        own = [row for row in rows if row["learner"] == name]
        cells = [f"{np.mean(row['found']):.1f} ({min(row['found'])})" for row in own]
        print(f"| {name} | {' | '.join(cells)} | {sum(row['seconds'] for row in own):.0f} |")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "recovery.json").write_text(json.dumps({"trials": trials, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
