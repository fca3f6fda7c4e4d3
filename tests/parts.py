"""Tiny data sets with real image files, in each layout; and the command line as a real process."""

from __future__ import annotations

import json
import logging
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors import numpy as tensors

from psdl.jobs.context import RunContext
from psdl.model.file import digest

SIZE = (96, 128)  # (h,w) of the images made here


def good(rng: np.random.Generator, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A grey-blue part: a bright bar on a dark ground, with noise; (h,w,3) uint8."""
    h, w = size
    y, x = np.mgrid[:h, :w]
    base = 60 + 90 * (abs(y - h / 2 - rng.uniform(-1, 1)) < h / 6) + 20 * np.sin(x / 9)
    pixels = base[..., None] + np.array([0, 5, 15]) + rng.normal(0, 4, (h, w, 1))
    return np.clip(pixels, 0, 255).astype(np.uint8)


def defective(rng: np.random.Generator, size: tuple[int, int] = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """A part with a bright blot, and its mask (h,w) bool."""
    pixels = good(rng, size)
    y, x = np.mgrid[: size[0], : size[1]]
    cy, cx = rng.uniform(0.3, 0.7, 2) * size
    mask = (y - cy) ** 2 + (x - cx) ** 2 < (size[0] / 7) ** 2
    pixels[mask] = rng.integers(180, 255, (mask.sum(), 3), dtype=np.uint8)
    return pixels, mask


def opened(path: Path) -> np.ndarray:
    """The pixels of an image file."""
    with Image.open(path) as image:
        return np.asarray(image)


def save(pixels: np.ndarray, path: Path, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path, **options)
    return path


def mvtec(root: Path, categories: tuple[str, ...] = ("bolt", "nut"), train: int = 12) -> Path:
    """MVTec's layout: train/good, test/good, test/blot, ground_truth/blot; masks and extensions of every kind."""
    for index, category in enumerate(categories):
        rng = np.random.default_rng(index)
        for n in range(train):
            save(good(rng), root / category / "train" / "good" / f"{n:03}.{('png', 'PNG', 'bmp')[n % 3]}")
        for n in range(4):
            save(good(rng), root / category / "test" / "good" / f"{n:03}.png")
            pixels, mask = defective(rng)
            save(pixels, root / category / "test" / "blot" / f"{n:03}.png")
            name = f"{n:03}_mask.png" if n % 2 else f"{n:03}.png"
            save(255 * mask, root / category / "ground_truth" / "blot" / name)
    return root


def split_csv(root: Path, rows: list[tuple[str, str, str, str, str]]) -> None:
    lines = ["path,mask,label,split,group", *(",".join(row) for row in rows)]
    (root / "split.csv").write_text("\n".join(lines) + "\n")


def mtd(root: Path) -> Path:
    """MTD's native layout with its split file."""
    rng = np.random.default_rng(3)
    rows = []
    for n in range(12):
        path = f"MT_Free/Imgs/exp1_num_{n}.jpg"
        save(good(rng), root / path)
        save(np.zeros(SIZE), root / path.replace("jpg", "png"))
        rows.append((path, path.replace("jpg", "png"), "good", "train" if n < 9 else "test", f"b{n // 3}"))
    pixels, mask = defective(rng)
    save(pixels, root / "MT_Crack/Imgs/exp1_num_77.jpg")
    save(255 * mask, root / "MT_Crack/Imgs/exp1_num_77.png")
    rows.append(("MT_Crack/Imgs/exp1_num_77.jpg", "MT_Crack/Imgs/exp1_num_77.png", "crack", "test", "b9"))
    split_csv(root, rows)
    return root


def kolektor(root: Path) -> Path:
    """KolektorSDD's native layout with its split file; images large enough for its crop."""
    rng = np.random.default_rng(4)
    rows = []
    for item in range(3):
        for n in range(2):
            path, label = f"kos{item:02}/Part{n}.jpg", f"kos{item:02}/Part{n}_label.bmp"
            pixels, mask = defective(rng, (1240, 500)) if item == 2 and n else (good(rng, (1240, 500)), None)
            save(pixels, root / path)
            marked = np.zeros((1240, 500)) if mask is None else 255 * mask
            save(marked, root / label)
            kind = "good" if mask is None else "defect"
            rows.append((path, label, kind, "train" if item < 2 else "test", f"kos{item:02}"))
    split_csv(root, rows)
    return root


def sealed(data: bytes, change: Callable[[dict[str, Any], dict[str, np.ndarray]], Any]) -> bytes:
    """A model file's bytes with `change` made to its card and arrays, and the digest that then is right. A card
    that `change` returns takes the other's place."""
    size = struct.unpack("<Q", data[:8])[0]
    card = json.loads(json.loads(data[8 : 8 + size])["__metadata__"]["psdl"])
    arrays = {name: array.copy() for name, array in tensors.load(data).items() if name != "digest"}
    text = json.dumps(change(card, arrays) or card, sort_keys=True)
    return tensors.save({**arrays, "digest": np.frombuffer(digest(text, arrays), np.uint8)}, {"psdl": text})


def psdl(*arguments: Any, **options: Any) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own."""
    command = [sys.executable, "-m", "psdl.cli.main", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, **options)


def verdicts(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The lines of `psdl predict` that judge an image, or a part."""
    return [line for line in done.stdout.splitlines() if "  (threshold " in line]


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """One sentence on standard error that holds the words, and exit code 2."""
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    assert done.stderr.startswith("psdl: ")
    assert done.stderr.count("\n") == 1, done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


def listening(said: list[str], **context) -> RunContext:
    """A run whose findings are appended to `said`."""
    log = logging.Logger("test", logging.INFO)
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    log.addHandler(handler)
    return RunContext(log=log, **context)
