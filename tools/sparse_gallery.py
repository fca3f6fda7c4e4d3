"""The pictures and numbers of docs/gallery.md, all of them:

    python tools/sparse_gallery.py        (some minutes; needs the extra demo, and takes SPAMS and scikit-learn in)

Writes docs/images/gallery-*.png and prints the tables. The planted dictionaries are read from
bench/results/recovery.json, which `python bench/recovery.py` writes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.lib.stride_tricks import sliding_window_view
from skimage.data import camera

from psdl import sparse

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs/images"
SIGMA, SIDE, ATOMS, TRAINED = 25.0, 8, 256, 30_000
ENOUGH = SIDE * SIDE * (1.15 * SIGMA) ** 2  # Elad, Aharon 2006: the energy of the noise in a patch, times 1.15^2


def psnr(image: np.ndarray, truth: np.ndarray) -> float:
    """Peak signal to noise ratio in dB, of grey values 0 to 255."""
    return float(10 * np.log10(255**2 / np.square(image - truth).mean()))


def patches(image: np.ndarray) -> np.ndarray:
    """All patches of an image as rows (N,64), float32."""
    return np.ascontiguousarray(sliding_window_view(image, (SIDE, SIDE)).reshape(-1, SIDE * SIDE))


def averaged(
    rows: np.ndarray, shape: tuple[int, int], own: np.ndarray | float = 0, weight: float = 0
) -> np.ndarray:
    """The image of which rows are the patches, each pixel the mean of all that cover it, and of its `own`
    value."""
    height, width = shape
    grid = rows.reshape(height - SIDE + 1, width - SIDE + 1, SIDE, SIDE)
    total, count = np.full(shape, weight, np.float64) * own, np.full(shape, weight, np.float64)
    for y in range(SIDE):
        for x in range(SIDE):
            part = slice(y, y + grid.shape[0]), slice(x, x + grid.shape[1])
            total[part] += grid[:, :, y, x]
            count[part] += 1
    return total / count


def denoised(noisy: np.ndarray, dictionary: np.ndarray) -> np.ndarray:
    """An image without its noise: patches less their mean, coded to the noise's energy, averaged."""
    rows = patches(noisy)
    mean = rows.mean(axis=1, keepdims=True)
    codes = sparse.omp(rows - mean, dictionary.astype(np.float32), tolerance=ENOUGH, sparsity=32)
    kept = sparse.reconstruct(codes, dictionary.astype(np.float32)) + mean
    return averaged(kept, noisy.shape, noisy, 0.5 * 30 / SIGMA)


def peers(Y: np.ndarray, start: np.ndarray) -> dict[str, Callable[[], np.ndarray]]:
    """Learners of other libraries, those that are installed."""
    found: dict[str, Callable[[], np.ndarray]] = {}
    try:
        import spams

        X, D = np.asfortranarray(Y.T), np.asfortranarray(start.T)
        given = {"iter": 300, "batchsize": 512, "numThreads": 2, "verbose": False}
        found["SPAMS trainDL, to the tolerance"] = lambda: spams.trainDL(X, D=D, lambda1=ENOUGH, mode=4, **given).T
    except ImportError:
        pass
    try:
        from sklearn.decomposition import MiniBatchDictionaryLearning

        model = MiniBatchDictionaryLearning(
            ATOMS, alpha=50.0, fit_algorithm="cd", max_iter=1, batch_size=512, dict_init=start.astype(float)
        )
        found["scikit-learn MiniBatchDictionaryLearning"] = lambda: model.fit(Y.astype(float)).components_
    except ImportError:
        pass
    return found


def denoising(truth: np.ndarray) -> None:
    """A photograph with noise of sigma 25: dictionaries learned from its own patches."""
    rng = np.random.default_rng(0)
    noisy = (truth + SIGMA * rng.normal(size=truth.shape)).astype(np.float32)
    rows = patches(noisy)
    rows = rows - rows.mean(axis=1, keepdims=True)
    Y = rows[rng.choice(len(rows), TRAINED, replace=False)]
    start = sparse.dct(SIDE * SIDE, ATOMS + 1)[1:].astype(np.float32)
    learners: dict[str, Callable[[], np.ndarray]] = {
        "overcomplete DCT, nothing learned": lambda: start,
        "K-SVD, 3 atoms a patch, 15 rounds": lambda: sparse.learn(Y, start, sparsity=3, rounds=15)[0],
        "K-SVD to the tolerance, 15 rounds": lambda: sparse.learn(Y, start, tolerance=ENOUGH, rounds=15)[0],
        "K-SVD to the tolerance, 60 rounds": lambda: sparse.learn(Y, start, tolerance=ENOUGH, rounds=60)[0],
        **peers(Y, start),
    }
    print(f"noisy {psnr(noisy, truth):.2f} dB\n\n| dictionary | PSNR, dB | seconds to learn |\n|---|---|---|")
    best, learned = noisy, start
    for name, learner in learners.items():
        begun = time.perf_counter()
        dictionary = np.asarray(learner(), np.float32)
        seconds = time.perf_counter() - begun
        image = denoised(noisy, dictionary)
        print(f"| {name} | {psnr(image, truth):.2f} | {seconds:.1f} |", flush=True)
        if name.endswith("60 rounds"):
            best, learned = image, dictionary
    panels = {"the photograph": truth, f"noise, {psnr(noisy, truth):.1f} dB": noisy}
    draw(
        "gallery-denoising.png",
        panels | {f"denoised, {psnr(best, truth):.1f} dB": best},
        slice(60, 316),
        slice(130, 386),
    )
    sparse.picture(learned, IMAGES / "gallery-atoms.png")


def inpainting(truth: np.ndarray) -> None:
    """A photograph of which four pixels in five are missing: patches coded by what is known of them."""
    truth = truth[60:316, 130:386]
    known = np.random.default_rng(1).random(truth.shape) < 0.2
    rows, there = patches(np.where(known, truth, 0).astype(np.float32)), patches(known)
    dictionary = sparse.dct(SIDE * SIDE, ATOMS).astype(np.float32)
    images = {}
    for name in ("overcomplete DCT", "K-SVD of it"):
        codes = sparse.weighted_omp(rows, there, dictionary, sparsity=4, tolerance=SIDE * SIDE * 4.0)
        filled = sparse.reconstruct(codes, dictionary)
        images[name] = np.where(known, truth, np.clip(averaged(filled, truth.shape), 0, 255))
        print(f"inpainted with {name}: {psnr(images[name], truth):.2f} dB", flush=True)
        learned = patches(images[name].astype(np.float32))
        dictionary, _ = sparse.learn(learned, dictionary, sparsity=4, rounds=10, fixed=1)
    panels = {"one pixel in five": np.where(known, truth, 255)}
    panels |= {f"{name}, {psnr(image, truth):.1f} dB": image for name, image in images.items()}
    draw("gallery-inpainting.png", panels | {"the photograph": truth})


def draw(
    name: str, panels: dict[str, np.ndarray], rows: slice = slice(None), columns: slice = slice(None)
) -> None:
    """Images beside each other, with titles."""
    figure = Figure(figsize=(3.4 * len(panels), 3.7), layout="constrained")
    for axes, (title, image) in zip(np.atleast_1d(figure.subplots(1, len(panels))), panels.items(), strict=True):
        axes.imshow(image[rows, columns], cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axes.set_axis_off()
        axes.set_title(title, fontsize=11)
    figure.savefig(IMAGES / name, dpi=110)


def planted() -> None:
    """How many atoms of planted dictionaries each learner found, of 50, in all trials."""
    found: dict[str, Any] = json.loads((ROOT / "bench/results/recovery.json").read_text())
    rows = found["rows"]
    names = list(dict.fromkeys(row["learner"] for row in rows))
    levels = list(dict.fromkeys(row["snr"] for row in rows))
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, level in zip(figure.subplots(1, len(levels), sharey=True), levels, strict=True):
        counts = [next(r["found"] for r in rows if (r["learner"], r["snr"]) == (name, level)) for name in names]
        axes.boxplot(counts[::-1], orientation="horizontal", widths=0.6)
        axes.set_yticks(range(1, len(names) + 1), names[::-1])
        axes.axvline(ATOMS_PLANTED, color="#b3392f", linewidth=1)
        axes.set_title("no noise" if level is None else f"{level} dB", fontsize=11)
        axes.set_xlabel("atoms found, of 50")
    figure.savefig(IMAGES / "gallery-planted.png", dpi=110)


ATOMS_PLANTED = 50


def main() -> None:
    truth = camera().astype(np.float64)
    denoising(truth)
    inpainting(truth)
    planted()


if __name__ == "__main__":
    main()
