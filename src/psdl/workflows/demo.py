"""Draws the demo's data set: pictures of two parts, good ones and ones with planted defects."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from psdl.datasets.tables import COLUMNS
from psdl.input import masks
from psdl.report.places import places
from psdl.types import Sample

SIZE = 288  # pixels a side
TWICE = 2 * SIZE  # parts are drawn at this size and then resized
LEARNED, GOOD, BAD = 40, 10, 12  # pictures of each part: to learn from, and to test
COUNT = 2 * (LEARNED + GOOD + BAD)
SEED = 7
# Options of `run` that the demo sets otherwise.
OPTIONS: dict[str, Any] = {"seed": SEED, "false_reject": 0.025, "review": 0.1, "groups": "given"}
PICTURES = 9  # drawn for each part

Colour = NDArray[np.float64]  # (SIZE, SIZE, 3), 0..255
Mask = NDArray[np.bool_]
Rng = np.random.Generator


def write(folder: Path, done: Callable[[int], None] = lambda _: None) -> int:
    """Writes images, masks and split.csv below `folder`, and returns the number of images.

    Every picture shows another part: it is drawn anew, slightly displaced and under another light. `done` is
    called with 1 after each image.
    """
    rows: list[list[str]] = []
    for index, (name, draw) in enumerate(PARTS.items()):
        for n in range(LEARNED + GOOD + BAD):
            rng = np.random.default_rng(np.random.SeedSequence(SEED, spawn_key=(index, n)))
            kinds = list(DEFECTS[name])
            kind = kinds[n % len(kinds)] if n >= LEARNED + GOOD else "good"
            split = "train" if n < LEARNED else "test"
            path, mask_path = f"{name}/{split}/{kind}_{n:02}.png", ""
            pixels, mask = DEFECTS[name][kind](draw, rng) if kind != "good" else (draw(rng, ""), None)
            if mask is not None:
                mask_path = f"{name}/mask/{kind}_{n:02}.png"
                _save(255.0 * mask, folder / mask_path)
            _save(_taken(pixels, rng), folder / path)
            rows.append([path, mask_path, kind, split, f"{name} {n}", name])
            done(1)
    with (folder / "split.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([[*COLUMNS, "category"], *rows])
    return len(rows)


def best_picture(drawn: list[tuple[Sample, Any]], out: Path) -> Path:
    """Returns the path of the picture whose predicted mask fits the true defect best."""
    best = max(drawn, key=lambda pair: _overlap(*pair))
    return out / "pictures" / places([sample for sample, _ in drawn])[best[0]]


def _overlap(sample: Sample, result: Any) -> float:
    """Returns the intersection over union of predicted and true mask; 0 for an image without a mask."""
    if not sample.mask:
        return 0.0
    true = masks.read(sample.mask, result.geometry.source, sample.path)
    return float((true & result.mask).sum() / (true | result.mask).sum())


def _save(pixels: NDArray[Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(pixels, 0, 255).round().astype(np.uint8)).save(path)


def _taken(pixels: Colour, rng: Rng) -> Colour:
    """Imitates a camera: blur, a lamp of varying brightness and direction, and noise."""
    soft = np.asarray(
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.6)), np.float64
    )
    across = np.linspace(-1, 1, SIZE)
    lamp = rng.uniform(0.95, 1.05) + 0.05 * rng.uniform(-1, 1) * across[None, :, None]
    return soft * lamp + rng.normal(0, 2.5, (SIZE, SIZE, 1)) + rng.normal(0, 1, (SIZE, SIZE, 3))


def _texture(rng: Rng, along: float, across: float) -> NDArray[np.float64]:
    """Returns noise (SIZE, SIZE) of standard deviation 1, smooth over about `along` pixels horizontally and
    `across` vertically."""
    noise = np.fft.rfft2(rng.normal(size=(SIZE, SIZE)))
    down, right = np.fft.fftfreq(SIZE)[:, None], np.fft.rfftfreq(SIZE)[None]
    found = np.fft.irfft2(noise * np.exp(-20 * ((along * right) ** 2 + (across * down) ** 2)), (SIZE, SIZE))
    whole: NDArray[np.float64] = found / found.std()
    return whole


def _shrunk(canvas: Image.Image) -> Colour:
    """Resizes a drawing of TWICE x TWICE pixels to SIZE x SIZE."""
    return np.asarray(canvas.resize((SIZE, SIZE), Image.Resampling.LANCZOS), np.float64)


def _plate(rng: Rng, fault: str) -> Colour:
    """Draws a plate of brushed metal on a dark mat, with four screw holes, a slot and a label pressed into it.

    `fault` "no hole" leaves one hole out; "" draws a good part.
    """
    x, y = rng.uniform(-2, 2, 2)
    odd = int(rng.integers(4))
    canvas = Image.new("RGB", (TWICE, TWICE), (34, 36, 40))
    pen = ImageDraw.Draw(canvas)
    pen.rounded_rectangle(
        (60 + x, 110 + y, 516 + x, 466 + y), 34, fill=(168, 170, 172), outline=(214, 216, 218), width=5
    )
    for n, (across, down) in enumerate(((110, 162), (466, 162), (110, 414), (466, 414))):
        if not (fault == "no hole" and n == odd):
            _disc(pen, across + x, down + y, 27, (120, 122, 124))
            _disc(pen, across + x, down + y, 20, (26, 27, 30))
    pen.rounded_rectangle(
        (206 + x, 196 + y, 370 + x, 240 + y), 22, fill=(30, 31, 34), outline=(116, 118, 120), width=5
    )
    for n, high in enumerate((28, 40, 40, 18, 40, 28, 18, 40, 28, 40)):  # the label: bars of a code
        pen.rectangle((200 + 18 * n + x, 340 + y, 208 + 18 * n + x, 340 + high + y), fill=(96, 98, 100))
    pixels = _shrunk(canvas)
    metal = (pixels.mean(axis=2) > 80)[..., None]
    return pixels + np.where(metal, 5.0, 1.5) * _texture(rng, 14, 0.4)[..., None]


def _board(rng: Rng, fault: str) -> Colour:
    """Draws a circuit board: a chip, resistors, a row of solder joints and the copper that leads to them.

    `fault` "missing" leaves a resistor out, "bridge" joins two solder joints; "" draws a good part.
    """
    x, y = rng.uniform(-2, 2, 2)
    odd = int(rng.integers(1, 7))
    canvas = Image.new("RGB", (TWICE, TWICE), (22, 84, 52))
    pen = ImageDraw.Draw(canvas)
    for n in range(8):
        place = 92 + 56 * n + x
        pen.line(
            [(place, 500 + y), (place, 400 + y), (288 + 22 * (n - 3.5) + x, 330 + y)], fill=(44, 122, 78), width=9
        )
        _disc(pen, place, 500 + y, 19, (196, 198, 190))
        _disc(pen, place - 4, 495 + y, 8, (236, 236, 230))
    if fault == "bridge":
        left = 92 + 56 * odd + x
        pen.rounded_rectangle((left, 489 + y, left + 56, 511 + y), 10, fill=(204, 206, 198))
    pen.rectangle((186 + x, 196 + y, 390 + x, 336 + y), fill=(30, 31, 33), outline=(52, 53, 56), width=4)
    _disc(pen, 210 + x, 220 + y, 9, (72, 73, 76))
    pen.line([(230 + x, 262 + y), (346 + x, 262 + y)], fill=(96, 97, 98), width=7)
    pen.line([(230 + x, 286 + y), (310 + x, 286 + y)], fill=(96, 97, 98), width=7)
    for n in range(7):
        left, (across, down) = 78 + 62 * n, rng.uniform(-1, 1, 2)
        pen.rectangle((left + x, 76 + y, left + 44 + x, 150 + y), fill=(172, 174, 166))
        if not (fault == "missing" and n == odd):
            pen.rectangle(
                (left + 2 + x + across, 90 + y + down, left + 42 + x + across, 136 + y + down), fill=(58, 44, 38)
            )
            pen.rectangle(
                (left + 14 + x + across, 104 + y + down, left + 30 + x + across, 122 + y + down),
                fill=(150, 140, 128),
            )
    return _shrunk(canvas) + 2.0 * _texture(rng, 1.5, 1.5)[..., None]


def _disc(pen: ImageDraw.ImageDraw, x: float, y: float, radius: float, fill: tuple[int, int, int]) -> None:
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)


Draw = Callable[[Rng, str], Colour]


def _built(fault: str) -> Callable[[Draw, Rng], tuple[Colour, Mask]]:
    """Returns a function that draws a part with a manufacturing fault. The mask is where the picture differs from
    that of the part without it."""

    def made(draw: Draw, rng: Rng) -> tuple[Colour, Mask]:
        seed = int(rng.integers(2**31))
        wrong, right = (draw(np.random.default_rng(seed), kind) for kind in (fault, ""))
        return wrong, np.abs(wrong - right).max(axis=2) > 25

    return made


def _scratched(draw: Draw, rng: Rng) -> tuple[Colour, Mask]:
    """Draws a good part with a bright, slightly bent line across its middle."""
    angle, bend, along = rng.uniform(0, np.pi), rng.uniform(-14, 14), np.linspace(-1, 1, 24)
    across, reach = bend * (along**2 - 0.5), rng.uniform(34, 52)
    x, y = rng.uniform(0.42, 0.58, 2) * SIZE
    points = np.stack([x + reach * along * np.cos(angle) - across * np.sin(angle),
                       y + reach * along * np.sin(angle) + across * np.cos(angle)], axis=1)  # fmt: skip
    canvas = Image.new("L", (SIZE, SIZE))
    ImageDraw.Draw(canvas).line([(float(a), float(b)) for a, b in points], fill=255, width=3)
    cover = 0.6 * _soft(canvas, 0.7)
    return draw(rng, "") * (1 - cover[..., None]) + 238 * cover[..., None], cover > 0.18


def _stained(draw: Draw, rng: Rng) -> tuple[Colour, Mask]:
    """Draws a good part with a translucent film of oil that has a soft edge."""
    x, y = rng.uniform(0.35, 0.65, 2) * SIZE
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    reach = rng.uniform(17, 24) * (
        1 + 0.3 * sum(rng.normal() * np.sin(k * angles + rng.uniform(0, 6)) / k for k in (1, 2, 3))
    )
    points = np.stack([x + reach * np.cos(angles), y + reach * np.sin(angles)], axis=1)
    canvas = Image.new("L", (SIZE, SIZE))
    ImageDraw.Draw(canvas).polygon([(float(a), float(b)) for a, b in points], fill=255)
    cover = _soft(canvas, 2.0)
    film = 1 - cover[..., None] * np.array([0.14, 0.22, 0.38])
    return draw(rng, "") * film + 6 * cover[..., None], cover > 0.3


def _soft(drawing: Image.Image, blur: float) -> NDArray[np.float64]:
    """Returns the share of each pixel that a drawn defect covers, in 0..1."""
    return np.asarray(drawing.filter(ImageFilter.GaussianBlur(blur)), np.float64) / 255


PARTS: dict[str, Draw] = {"plate": _plate, "board": _board}
DEFECTS: dict[str, dict[str, Callable[[Draw, Rng], tuple[Colour, Mask]]]] = {
    "plate": {"scratch": _scratched, "oil": _stained, "no hole": _built("no hole")},
    "board": {"missing": _built("missing"), "bridge": _built("bridge"), "scratch": _scratched},
}
