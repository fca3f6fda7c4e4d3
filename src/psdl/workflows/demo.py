"""The demo's data set: good tiles and planted defects, from photographs that come with scikit-image (CC0)."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from psdl.datasets.tables import COLUMNS
from psdl.errors import PsdlError
from psdl.input import masks
from psdl.report.places import places
from psdl.types import Sample

TEXTURES = ("brick", "grass", "gravel")  # 512 x 512, grey
BLOCK, TILE = 128, 96  # a photograph is 4 x 4 blocks; tiles are cut inside one block only
SIZE = 256  # pixels of the image made of a tile
LEARNED = 11  # blocks to learn from; tests are cut from the other 5
SEED = 7
# Options of `run` that the demo sets otherwise.
OPTIONS: dict[str, Any] = {"seed": SEED, "false_reject": 0.1, "review": 0.2, "groups": "given"}
PICTURES = 9  # drawn for each category

Grey = NDArray[np.float64]  # (SIZE, SIZE), 0..255
Mask = NDArray[np.bool_]


def write(folder: Path) -> int:
    """Writes images, masks and split.csv below `folder`; returns how many images.

    Tiles of one block overlap, so the block is their group: held-out tiles and test tiles share no pixel with the
    tiles that were learned from.
    """
    rows: list[list[str]] = []
    photographs = {name: _photograph(name) for name in TEXTURES}
    for index, name in enumerate(TEXTURES):
        rng = np.random.default_rng(np.random.SeedSequence(SEED, spawn_key=(index,)))
        blocks = [(BLOCK * int(b % 4), BLOCK * int(b // 4)) for b in rng.permutation(16)]
        for left, top in blocks[:LEARNED]:
            for x, y in _corners(left, top, (0, 16, 32)):
                path = f"{name}/good/{x:03}_{y:03}.png"
                _save(_tile(photographs[name], x, y), folder / path)
                rows.append([path, "", "good", "train", f"block {left} {top}", name])
        foreign = photographs[TEXTURES[(index + 1) % len(TEXTURES)]]
        corners = [corner for block in blocks[LEARNED:] for corner in _corners(*block, (4, 27))]
        for n, (x, y) in enumerate(corners):
            tile, other = _tile(photographs[name], x, y), _tile(foreign, x, y)
            rows.append(_test_image(folder, name, n, tile, other, rng))
    with (folder / "split.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([[*COLUMNS, "category"], *rows])
    return len(rows)


def best_picture(drawn: list[tuple[Sample, Any]], out: Path) -> Path:
    """The picture whose outline fits its defect best."""
    best = max(drawn, key=lambda pair: _overlap(*pair))
    return out / "pictures" / places([sample for sample, _ in drawn])[best[0]]


def _overlap(sample: Sample, result: Any) -> float:
    """What predicted and true mask share of their union."""
    if not sample.mask:
        return 0.0
    true = masks.read(sample.mask, result.geometry.source, sample.path)
    return float((true & result.mask).sum() / (true | result.mask).sum())


def _photograph(name: str) -> NDArray[np.uint8]:
    try:
        from skimage import data
    except ImportError:
        raise PsdlError(
            "the demo's photographs come with scikit-image, which is not installed: pip install 'psdl[demo]'"
        ) from None
    pixels: NDArray[np.uint8] = getattr(data, name)()
    return pixels


def _corners(left: int, top: int, offsets: tuple[int, ...]) -> list[tuple[int, int]]:
    return [(left + x, top + y) for y in offsets for x in offsets]


def _tile(photograph: NDArray[np.uint8], x: int, y: int) -> Grey:
    tile = Image.fromarray(photograph[y : y + TILE, x : x + TILE])
    return np.asarray(tile.resize((SIZE, SIZE), Image.Resampling.BICUBIC), np.float64)


def _test_image(folder: Path, name: str, n: int, tile: Grey, other: Grey, rng: np.random.Generator) -> list[str]:
    """Every third test tile stays good, the others get a defect; the row of split.csv."""
    kind = "good" if n % 3 == 0 else list(DEFECTS)[(n - n // 3 - 1) % len(DEFECTS)]
    path, mask_path = f"{name}/test/{kind}_{n:02}.png", ""
    if kind != "good":
        tile, mask = DEFECTS[kind](tile, other, rng)
        mask_path = f"{name}/mask/{kind}_{n:02}.png"
        _save(255.0 * mask, folder / mask_path)
    _save(tile, folder / path)
    return [path, mask_path, kind, "test", "", name]


def _save(pixels: NDArray[Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(pixels, 0, 255).round().astype(np.uint8)).save(path)


def _soft(drawing: Image.Image, blur: float) -> Grey:
    """0..1: how much of the defect covers each pixel; edges as soft as the photograph's."""
    return np.asarray(drawing.filter(ImageFilter.GaussianBlur(blur)), np.float64) / 255


def _blob(rng: np.random.Generator, radius: float, rough: float) -> Image.Image:
    """A filled closed curve about a point well inside the tile."""
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    reach = radius * (
        1 + rough * sum(rng.normal() * np.sin(k * angles + rng.uniform(0, 6)) / k for k in (1, 2, 3))
    )
    x, y = rng.uniform(70, SIZE - 70, 2)
    canvas = Image.new("L", (SIZE, SIZE))
    points = np.stack([x + reach * np.cos(angles), y + reach * np.sin(angles)], axis=1)
    ImageDraw.Draw(canvas).polygon([(float(a), float(b)) for a, b in points], fill=255)
    return canvas


def _scratch(tile: Grey, _: Grey, rng: np.random.Generator) -> tuple[Grey, Mask]:
    """A bright, slightly bent line."""
    angle, bend = rng.uniform(0, np.pi), rng.uniform(-25, 25)
    along = np.linspace(-1, 1, 30)
    reach = rng.uniform(50, 80)
    x, y = rng.uniform(95, SIZE - 95, 2)
    across = bend * (along**2 - 0.5)
    points = np.stack(
        [
            x + reach * along * np.cos(angle) - across * np.sin(angle),
            y + reach * along * np.sin(angle) + across * np.cos(angle),
        ],
        axis=1,
    )
    canvas = Image.new("L", (SIZE, SIZE))
    ImageDraw.Draw(canvas).line([(float(a), float(b)) for a, b in points], fill=255, width=5)
    cover = _soft(canvas, 1.0)
    return tile + cover * (215 - tile) * 0.85, cover > 0.3


def _stain(tile: Grey, _: Grey, rng: np.random.Generator) -> tuple[Grey, Mask]:
    """A dark film with a soft edge, the texture showing through."""
    cover = _soft(_blob(rng, 34, 0.25), 3.0)
    return tile * (1 - 0.6 * cover), cover > 0.3


def _hole(tile: Grey, _: Grey, rng: np.random.Generator) -> tuple[Grey, Mask]:
    """A deep dark spot whose lower right rim catches the light."""
    drawing = _blob(rng, 22, 0.12)
    cover = _soft(drawing, 1.5)
    rim = np.clip(np.roll(cover, (3, 3), (0, 1)) - cover, 0, 1)
    return tile * (1 - cover) + 14 * cover + 70 * rim, cover > 0.3


def _foreign(tile: Grey, other: Grey, rng: np.random.Generator) -> tuple[Grey, Mask]:
    """A patch of another material, as bright as what it covers."""
    cover = _soft(_blob(rng, 38, 0.2), 1.5)
    return tile * (1 - cover) + cover * (other - other.mean() + tile.mean()), cover > 0.3


DEFECTS: dict[str, Callable[[Grey, Grey, np.random.Generator], tuple[Grey, Mask]]] = {
    "scratch": _scratch,
    "stain": _stain,
    "hole": _hole,
    "foreign": _foreign,
}
