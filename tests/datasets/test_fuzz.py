"""Trees, tables and masks drawn at random: every picture is judged or named, and no defect is learned from."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from psdl.datasets import choosing
from psdl.datasets.files import pictures
from psdl.datasets.read import listed, read
from psdl.errors import PsdlError
from psdl.input import masks
from psdl.types import Sample
from tests.datasets.test_words import BAD, GOOD, MASK
from tests.datasets.trees import KINDS, encoded

SEEDS = st.integers(0, 2**32 - 1)
DRAWN = settings(max_examples=60, deadline=None, derandomize=True)
UNKNOWN = ("blerg", "zonk", "prima", "A", "1", "Lunker", "reflex", "type 3", "mixed", "misc")
NEUTRAL = ("lot1", "cam_left", "2024-05-06", "images")
SIDES = ({"train": "train", "test": "test", "val": "validation"}, {"train": "Train", "test": "Test", "val": "Val"})
SYSTEM = ("@eaDir", ".ipynb_checkpoints", "__MACOSX", "$RECYCLE.BIN", ".git", "lost+found", ".AppleDouble")
ENDINGS = ("png", "PNG", "jpg", "jfif", "heic", "avif", "jp2", "")


def plausible(names: str) -> list[str]:
    return [name for name in names.split() if not name.startswith(("train", "test")) and "." not in name]


class Drawn:
    """A tree drawn by a seed. truth: what each picture is, `good`, `bad` or something else."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root, self.rng, self.truth = root, np.random.default_rng(seed), dict[str, str]()
        good, sides = self.one(plausible(GOOD)), self.one(SIDES)
        split, known = self.rng.random() < 0.5, self.rng.random() < 0.7
        for side in ("train", "test", *(["val"] if self.rng.random() < 0.3 else [])) if split else ("",):
            above = f"{sides[side]}/" if side else ""
            self.folder(above + (good if known else self.one(UNKNOWN)), "good")
            for _ in range(self.rng.integers(0, 3)):
                self.folder(above + self.one(plausible(BAD) if self.rng.random() < 0.6 else UNKNOWN), "bad")
        for extra in (self.one(plausible(MASK)), self.one(SYSTEM)):
            if self.rng.random() < 0.5:
                self.folder(f"{extra}/{self.one(plausible(BAD))}", "other")
        if self.rng.random() < 0.2:
            self.folder(self.one(UNKNOWN), "bad")

    def one(self, some):
        return some[self.rng.integers(len(some))]

    def folder(self, name: str, truth: str) -> None:
        if any(path.startswith(f"{name}/") for path in self.truth):
            return  # one folder is not two things
        deep = f"{name}/{self.one(NEUTRAL)}" if self.rng.random() < 0.3 else name
        for n in range(self.rng.integers(2, 4)):
            ending = self.one(ENDINGS) if self.rng.random() < 0.3 else "png"
            self.write(f"{deep if n % 2 else name}/{n:03}{'.' * bool(ending)}{ending}", truth)

    def write(self, name: str, truth: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_bytes(KINDS["mask"] if truth == "other" else encoded("photo", len(self.truth)))
        self.truth[name] = truth


def shown(sample: Sample) -> str:
    return sample.name.rpartition("/")[0]


@DRAWN
@given(SEEDS)
def test_trees(seed):
    with tempfile.TemporaryDirectory() as folder:
        drawn = Drawn(Path(folder) / "data", seed)
        there = set(drawn.truth)
        if not pictures(drawn.root).images:
            with pytest.raises(PsdlError, match="no images"):
                read(drawn.root)
            return
        found = read(drawn.root)
        assert {s.name for s in found.samples} | {one.name for one in found.left} == there
        assert len(found.samples) + len(found.left) == len(there)
        judged = listed([str(drawn.root)])
        names = {str(drawn.root / name) for name in there}
        assert {s.name for s in judged.samples} | {one.name for one in judged.left} == names
        learned = choosing.good(found.samples)
        if len(learned) < 2:
            with pytest.raises(PsdlError, match="good"):
                choosing.learning(found.samples)
            return
        said = choosing.described(found.samples, found.left)
        assert any("to learn from" in line or "taken as good" in line for line in said)
        unsaid = [s.name for s in learned if drawn.truth[s.name] == "bad"]
        folders = {shown(s) for s in learned}
        assert not unsaid or folders == {shown(s) for s in found.samples}, "only a folder alone is taken as good"


def test_the_drawn_trees_hold_what_is_feared():
    """Most are learned from, some are refused, and defects lie in most of them."""
    outcomes = []
    for seed in range(60):
        with tempfile.TemporaryDirectory() as folder:
            drawn = Drawn(Path(folder) / "data", seed)
            try:
                outcomes.append(len(choosing.learning(read(drawn.root).samples)))
            except PsdlError:
                outcomes.append(0)
            assert drawn.truth
    assert 20 < sum(n > 0 for n in outcomes) < 60


@DRAWN
@given(SEEDS)
def test_tables(seed):
    rng = np.random.default_rng(seed)
    good, bad = [plausible(some)[rng.integers(len(plausible(some)))] for some in (GOOD, BAD)]
    if rng.random() < 0.3:
        good, bad = "0", "1"
    if rng.random() < 0.2:
        bad = "blot"
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "lot"
        names = [f"{n}.png" for n in range(8)]
        root.mkdir()
        for name in names:
            (root / name).write_bytes(encoded("photo", int(name[0])))
        head = [
            f"{' ' * rng.integers(2)}{word.upper() if rng.random() < 0.5 else word}"
            for word in ("path", "label", "split")
        ]
        rows = [
            [name, bad if n % 3 == 0 else good, ("Train", "TEST", "val")[n % 3 and rng.integers(3)]]
            for n, name in enumerate(names)
        ]
        with (root / "t.csv").open(
            "w", newline="", encoding=("utf-8", "utf-8-sig", "utf-16")[rng.integers(3)]
        ) as file:
            csv.writer(file, delimiter=",;\t|"[rng.integers(4)]).writerows([head, [], *rows])
        found = read(root / "t.csv")
        assert {s.name: s.label for s in found.samples} == {name: int(n % 3 == 0) for n, name in enumerate(names)}
        assert not any(s.label for s in choosing.good(found.samples))


@DRAWN
@given(SEEDS)
def test_masks(seed):
    rng = np.random.default_rng(seed)
    truth = np.zeros((48, 64), bool)
    top, left = rng.integers(2, 24), rng.integers(2, 32)
    truth[top : top + rng.integers(4, 20), left : left + rng.integers(4, 28)] = True
    grey = np.where(truth, rng.integers(1, 256), 0).astype(np.uint8)
    colour = np.where(truth[..., None], rng.integers(0, 256, 3), rng.integers(0, 2) * 255).astype(np.uint8)
    kinds = {
        "L": Image.fromarray(grey),
        "1": Image.fromarray(truth),
        "LA": Image.fromarray(np.stack([np.full_like(grey, 255), 255 * truth.astype(np.uint8)], -1)),
        "RGBA": Image.fromarray(np.dstack([np.repeat(grey[..., None], 3, 2), np.full_like(grey, 255)])),
        "P": Image.fromarray(truth.astype(np.uint8), "P"),
        "RGB": Image.fromarray(colour),
    }
    kind = sorted(kinds)[rng.integers(len(kinds))]
    if kind == "P":
        kinds["P"].putpalette([255, 255, 255, *rng.integers(0, 200, 2).tolist(), 255, *[0] * 762])
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / f"m.{('png', 'tif', 'bmp')[rng.integers(3)] if kind in ('L', 'RGB') else 'png'}")
        kinds[kind].save(path)
        found = masks.read(path, truth.shape, "part.png")
    blank = kind == "RGB" and len(np.unique(colour.reshape(-1, 3), axis=0)) == 1
    inverted = kind == "RGB" and not blank and (colour[truth][0] == colour[truth][0][0]).all()
    assert blank or inverted or np.array_equal(found, truth)
    if inverted:  # two greys: which is the ground is told by which is darker, and else by a word
        assert np.array_equal(found, truth) or masks.doubt(found)


@pytest.mark.parametrize("names", [GOOD, BAD, MASK])
def test_the_words_that_are_drawn_are_many(names):
    assert len(plausible(names)) > 8
