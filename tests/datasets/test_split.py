"""Splits by item into a table, and what learning does with items that are found."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from PIL import Image

from psdl import Detector
from psdl.datasets import split as splitting
from psdl.datasets.duplicates import grouped
from psdl.datasets.read import read
from psdl.errors import PsdlError
from psdl.training.options import FitOptions
from psdl.types import Sample
from tests import parts
from tests.datasets.test_duplicates import SIZE, surface


def samples(items: int, views: int) -> list[Sample]:
    """`views` good pictures of each item, and a defective one of the first."""
    good = [Sample(f"{i}_{v}.png", f"{i}_{v}.png", "lid", "none", 0, "good", None, f"item{i}")
            for i in range(items) for v in range(views)]  # fmt: skip
    return [*good, Sample("x.png", "x.png", "lid", "none", 1, "dent")]


def test_a_split_keeps_items_whole_and_comes_near_the_share():
    found = splitting.split(samples(20, 5), 0.3, 0)
    sides = {side: {s.group for s in found if s.split == side and not s.label} for side in ("train", "test")}
    assert len(sides["test"]) == 6
    assert not sides["train"] & sides["test"]
    assert [s.split for s in found if s.label] == ["test"]
    assert found == splitting.split(samples(20, 5), 0.3, 0)
    assert found != splitting.split(samples(20, 5), 0.3, 1)
    for share in (0.01, 0.99):
        assert {s.split for s in splitting.split(samples(2, 9), share, 0) if not s.label} == {"train", "test"}
    with pytest.raises(PsdlError, match="all good images of lid show one item"):
        splitting.split(samples(1, 9), 0.3, 0)
    with pytest.raises(PsdlError, match=r"share for test is 1\.5"):
        splitting.split(samples(2, 9), 1.5, 0)


@pytest.fixture(scope="module")
def twice(tmp_path_factory):
    """Ten items photographed twice, the second time darker, and a defective one."""
    root = tmp_path_factory.mktemp("twice")
    rng = np.random.default_rng(8)
    for n in range(10):
        whole = surface(rng)
        parts.save(np.clip(whole[10 : 10 + SIZE[0], 10 : 10 + SIZE[1]], 0, 255), root / f"good/lot{n % 5}_{n}.png")
        parts.save(
            np.clip(0.7 * whole[10 : 10 + SIZE[0], 10 : 10 + SIZE[1]], 0, 255), root / f"good/again_{n}.png"
        )
    pixels, _ = parts.defective(rng, SIZE)
    parts.save(pixels, root / "bad" / "x.png")
    return root


def table(path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_items_that_are_found_stand_on_one_side_of_a_written_split(twice, tmp_path):
    out = twice / "split.csv"
    done = parts.psdl("datasets", "split", twice, "--out", out, "--test", 0.4)
    assert done.returncode == 0, done.stderr
    assert "20 images of 10 items, as far as they can be told apart" in done.stdout
    rows = table(out)
    side = {row["path"]: row["split"] for row in rows}
    lots = {
        n: next(name for name in side if name.startswith("good/lot") and name.endswith(f"_{n}.png"))
        for n in range(10)
    }
    assert all(side[lots[n]] == side[f"good/again_{n}.png"] for n in range(10))
    assert sum(s == "test" for s in side.values()) == 9
    assert side["bad/x.png"] == "test"
    found = read(twice)
    out.unlink()
    assert found.layout == "manifest"
    assert {s.split for s in found.samples} == {"train", "test"}


def test_a_split_by_names_and_its_refusals(twice, mvtec, tmp_path):
    out = tmp_path / "s.csv"
    done = parts.psdl("datasets", "split", twice, "--out", out, "--items", r"lot(\d)", "--quiet")
    assert done.returncode == 0, done.stderr
    rows = table(out)
    sides = {
        row["group"]: {r["split"] for r in rows if r["group"] == row["group"]} for row in rows if row["group"]
    }
    assert set(sides) == set("01234")
    assert all(len(side) == 1 for side in sides.values())
    assert all((out.parent / row["path"]).is_file() and not row["path"].startswith("/") for row in rows)
    out.unlink()
    parts.refused(parts.psdl("datasets", "split", mvtec, "--out", out), "is split already")
    parts.refused(parts.psdl("datasets", "split", twice, "--out", tmp_path / "no" / "s.csv"), "cannot be written")
    parts.refused(parts.psdl("datasets", "split", twice, "--out", out, "--items", "("), "--items '('")
    assert not out.exists()


def test_learning_holds_out_whole_items_as_they_are_found(twice, tmp_path):
    model = tmp_path / "m.psdl"
    done = parts.psdl("fit", twice / "good", "--model", model, "--recipe", "fast")
    assert done.returncode == 0, done.stderr
    assert "20 images of 10 items" in done.stdout
    assert Detector.load(model).model.calibration.groups == 10
    assert Detector("fast").fit(twice / "good").model.calibration.groups == 10
    assert Detector("fast", FitOptions(groups="given")).fit(twice / "good").model.calibration.groups == 20
    parts.refused(
        parts.psdl("fit", twice / "good", "--model", model, "--groups", "guess"),
        "unknown value of --groups 'guess'",
    )


def test_images_too_much_alike_are_each_an_item(tmp_path):
    rng = np.random.default_rng(1)
    part = surface(rng)
    for n in range(6):
        parts.save(np.clip(part + rng.normal(0, 1, part.shape), 0, 255), tmp_path / f"{n}.png")
    samples = [Sample(str(tmp_path / f"{n}.png"), f"{n}.png", "part") for n in range(6)]
    found = grouped(samples, "auto", map)
    assert found.said == "6 images, too much alike to tell items apart: each is one"
    assert found.samples == tuple(samples)


def test_copies_among_images_that_are_much_alike_count_once(tmp_path):
    rng = np.random.default_rng(1)
    part = surface(rng)
    for n in range(5):
        parts.save(0.5 * part + 0.5 * surface(rng), tmp_path / f"{n}.png")
    whole = Image.open(tmp_path / "0.png").convert("RGB")
    for quality in (94, 96, 98, 100):
        whole.save(tmp_path / f"copy{quality}.jpg", quality=quality)
    names = sorted(path.name for path in tmp_path.iterdir())
    found = grouped([Sample(str(tmp_path / name), name, "part") for name in names], "auto", map)
    assert found.said.startswith("9 images of 5 items")
    assert len({s.group for s in found.samples if s.name.startswith(("copy", "0"))}) == 1


def test_given_items_stay_and_found_ones_join_them(twice):
    paths = [twice / "good" / name for n in range(10) for name in (f"again_{n}.png", f"lot{n % 5}_{n}.png")]
    lots = [Sample(str(path), path.name, "part", group=path.name[:4]) for path in paths]
    assert grouped(lots, "auto", map).samples == tuple(lots)
    joined = grouped(lots, "found", map)
    assert len({s.group for s in joined.samples}) == 1  # the second pictures are said to be of one item, "agai"


def test_pairs_across_the_split_come_first(twice):
    rows = [["path", "mask", "label", "split", "group"]]
    rows += [[f"good/again_{n}.png", "", "good", "test" if n == 9 else "train", ""] for n in range(10)]
    rows += [[f"good/lot{n % 5}_{n}.png", "", "good", "train", ""] for n in range(10)]
    (twice / "some.csv").write_text("\n".join(map(",".join, rows)))
    values = json.loads(parts.psdl("datasets", "check", twice / "some.csv", "--json", "--quiet").stdout)
    assert len(values["pairs"]) == 10
    assert "good/again_9.png" in values["pairs"][0]
    assert values["leaks"] == 1
