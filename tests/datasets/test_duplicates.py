"""Near-duplicates: found through lamp, shift, crop and JPEG; never between items that only resemble each other."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from psdl.datasets import duplicates
from psdl.types import Sample
from tests import parts

SIZE = (160, 200)


def surface(rng: np.random.Generator) -> np.ndarray:
    """A part like `parts.good`, larger than shown, with blots of its own; (h,w,3) float."""
    canvas = parts.good(rng, (SIZE[0] + 20, SIZE[1] + 20)).astype(float)
    noise = Image.fromarray((255 * rng.random((14, 17))).astype(np.uint8)).resize(canvas.shape[1::-1], 3)
    return canvas + 0.5 * np.asarray(noise)[..., None]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Twelve items, the first four of them twice: darker, shifted, cropped, as a poor JPEG."""
    root = tmp_path_factory.mktemp("items")
    rng = np.random.default_rng(5)
    items = [surface(rng) for _ in range(12)]
    shown = [item[10 : 10 + SIZE[0], 10 : 10 + SIZE[1]] for item in items]
    for n, pixels in enumerate(shown):
        parts.save(np.clip(pixels, 0, 255), root / f"train/good/{n:02}.png")
    second = {
        "lamp.png": 0.6 * shown[0],
        "shift.png": items[1][18 : 18 + SIZE[0], 2 : 2 + SIZE[1]],
        "crop.png": shown[2][:, :150],
        "poor.jpg": shown[3],
    }
    for name, pixels in second.items():
        options = {"quality": 40} if name.endswith("jpg") else {}
        parts.save(np.clip(pixels, 0, 255), root / "test/good" / name, **options)
    return root


def found_in(root):
    files = sorted(root.rglob("*.*g"))
    samples = [Sample(str(path), path.name, "items") for path in files]
    return [s.name for s in samples], duplicates.pairs(samples, map)


def test_the_second_picture_of_an_item_is_found_and_no_other(pictures):
    names, found = found_in(pictures)
    assert {frozenset((names[p.first], names[p.second])) for p in found} == {
        frozenset(pair)
        for pair in (
            ("00.png", "lamp.png"),
            ("01.png", "shift.png"),
            ("02.png", "crop.png"),
            ("03.png", "poor.jpg"),
        )
    }
    assert all(p.first < p.second and p.alike >= duplicates.ALIKE[0] for p in found)


def test_pairs_join_groups():
    pair = duplicates.Pair
    assert duplicates.groups(6, [pair(1, 3, 0.9), pair(3, 5, 0.8), pair(2, 4, 0.7)]) == [0, 1, 2, 1, 2, 1]
    assert duplicates.pairs([Sample("a", "a", "c")], map) == []


def test_datasets_check_says_that_a_split_leaks(pictures):
    done = parts.psdl("datasets", "check", pictures, "--quiet")
    assert done.returncode == 0, done.stderr
    assert "4 of 4 good test images show an item that is learned from" in done.stdout
    assert "THE SPLIT LEAKS" in done.stdout
    values = json.loads(parts.psdl("datasets", "check", pictures, "--json", "--quiet").stdout)
    assert (values["learned"], values["items"], values["leaks"], values["leaking"]) == (12, 12, 4, True)


def test_datasets_check_names_every_file_that_cannot_be_used(mvtec, tmp_path):
    picture = (mvtec / "nut/test/good/000.png").read_bytes()
    whole = {"a.png": picture, "b.png": picture, "c.png": (mvtec / "nut/test/good/001.png").read_bytes()}
    broken = {"cut.png": picture[:400], "empty.png": b"", "text.jpg": b"no image"}
    for name, data in (whole | broken).items():
        (tmp_path / name).write_bytes(data)
    done = parts.psdl("datasets", "check", tmp_path, "--quiet")
    assert done.returncode == 2
    assert "same bytes: a.png, b.png" in done.stdout
    assert all(f"{name} " in done.stdout for name in broken)
    assert "3 of 6 files cannot be used" in done.stderr
