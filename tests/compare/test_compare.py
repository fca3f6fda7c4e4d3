"""The bench of methods: every method runs, the table counts right, a broken-off bench goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from psdl.compare.cell import Draw, cell, divided, fewer, shown
from psdl.compare.methods import METHODS, method
from psdl.compare.table import ACCURACY, markdown
from psdl.datasets.read import read
from psdl.errors import PsdlError
from tests.parts import psdl, refused


@pytest.mark.slow
def test_the_verb_writes_a_table_and_goes_on(mvtec, tmp_path):
    out = tmp_path / "out"
    command = [
        "bench",
        "accuracy",
        mvtec,
        "--method",
        "fast",
        "--method",
        "pca-shared",
        "--seeds",
        "2",
        "--out",
        out,
    ]
    done = psdl(*command, "--development", mvtec.name)
    assert done.returncode == 0, done.stderr
    text = (out / "accuracy.md").read_text()
    assert text in done.stdout
    assert f"choices were made: {mvtec.name}/bolt, {mvtec.name}/nut." in text
    assert "## Where fast wins" in text
    rows = json.loads((out / "accuracy.json").read_text())
    assert {row["data"] for row in rows} == {f"{mvtec.name}/bolt", f"{mvtec.name}/nut"}
    bolts = [(row["method"], row["seed"]) for row in rows if row["data"].endswith("bolt")]
    assert bolts == [("fast", 0), ("fast", 1), ("pca-shared", 0), ("pca-shared", 1)]
    assert all(0 <= row["found_1"] <= row["found_5"] <= row["oracle_5"] <= 1 for row in rows)
    assert "## The worst set of each" in text
    quality, found = (
        block.splitlines() for block in text.split("## At a glance")[1].split("promised 1 / 5 %:")[:2]
    )
    assert [line.split(" | ")[0] for line in quality if line.startswith("|")][2:] == ["| fast", "| pca-shared"]
    assert sum(line.startswith("| fast | ") and line.count("(") == 2 for line in found) == 1
    assert all(0.5 < row["image_auroc"] <= 1 and row["fit_s"] > 0 and row["peak_gb"] > 0.1 for row in rows)
    kept = {file.name: file.stat().st_mtime_ns for file in (out / "cells").iterdir()}
    (out / "cells" / f"{mvtec.name}-bolt-pca-shared-1.json").unlink()
    assert psdl(*command).returncode == 0
    again = {file.name: file.stat().st_mtime_ns for file in (out / "cells").iterdir()}
    assert {name for name in kept if kept[name] == again[name]} == set(kept) - {
        f"{mvtec.name}-bolt-pca-shared-1.json"
    }


@pytest.mark.slow
@pytest.mark.parametrize("where", [("--jobs", "2"), ("--cluster", "local:2")])
def test_cells_measured_side_by_side_come_to_the_same_figures(mvtec, tmp_path, where):
    command = ["bench", "accuracy", mvtec, "--method", "fast", "--method", "pca-shared"]
    for out, more in (("alone", ()), ("side", where)):
        done = psdl(*command, "--out", tmp_path / out, *more)
        assert done.returncode == 0, done.stderr
    alone, side = (json.loads((tmp_path / out / "accuracy.json").read_text()) for out in ("alone", "side"))
    assert [(row["method"], row["seed"], row["model_mb"]) for row in alone] == [
        (row["method"], row["seed"], row["model_mb"]) for row in side
    ]
    for a, b in zip(alone, side, strict=True):
        assert {key: a[key] for key in ACCURACY} == pytest.approx({key: b[key] for key in ACCURACY}, rel=1e-12)
    assert "cells measured one at a time." in (tmp_path / "alone/accuracy.md").read_text()
    assert (
        f"cells measured {'2 at a time' if '2' in where else 'on local:2'}."
        in (tmp_path / "side/accuracy.md").read_text()
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("omp-bound", "ridge")),
        "nearest",
        "pca-shared",
        "patchcore-1",
    ],
)
def test_every_other_method_finds_the_blots(mvtec, name):
    found = cell(str(mvtec), "bolt", name, 0)
    assert found["image_auroc"] > 0.8
    assert found["pixel_auroc"] > 0.6


def test_methods_state_their_seed():
    assert {method(name, 3).seed for name in METHODS} == {3}
    assert method("patchcore", 1) == method("patchcore-5", 1)


def test_methods_see_whole_images_as_fit_does(mvtec):
    assert shown(str(mvtec), "paper").rule.window
    for name in ("default", "patchcore-1"):
        assert shown(str(mvtec), name).rule == read(mvtec).rule
        assert not shown(str(mvtec), name).rule.window


def test_random_splits_keep_items_together_and_sizes(mvtec):
    samples = [replace(s, group=Path(s.name).stem) if s.label == 0 else s for s in read(mvtec).samples]
    samples = [s for s in samples if s.category == "bolt"]
    given = divided(samples, None)
    drawn = [divided(samples, seed) for seed in range(3)]
    for good, test in drawn:
        assert len(good) + len(test) == sum(map(len, given))
        assert abs(len(good) - len(given[0])) <= 2
        assert not {s.group for s in good} & {s.group for s in test if s.label == 0}
        assert sum(s.label == 1 for s in test) == 4
    assert len({tuple(s.name for s in good) for good, _ in drawn}) > 1


def test_fewer_images_are_drawn_by_item(mvtec):
    good = [s for s in read(mvtec).samples if s.category == "bolt" and s.split == "train"]
    good = [replace(s, group=f"item{n // 3}") for n, s in enumerate(good)]
    drawn = [fewer(good, 7, seed) for seed in range(3)]
    for some in drawn:
        assert len(some) == len(set(some)) == 7
        sizes = [sum(s.group == item for s in some) for item in {s.group for s in some}]
        assert sum(size < 3 for size in sizes) <= 2  # the last item of the draw, and that of the list
    assert len({tuple(s.name for s in some) for some in drawn}) > 1
    assert fewer(good, 7, 1) == drawn[1]
    with pytest.raises(PsdlError, match=f"{len(good)} are there: ask for fewer"):
        fewer(good, len(good) + 1, 0)


def test_a_cell_learns_from_as_many_images_as_are_asked_for(mvtec):
    found = cell(str(mvtec), "bolt", "pca-shared", 0, Draw(images=5))
    assert found["images"][0] == 5
    assert found["image_auroc"] > 0.5


def test_wins_are_counted_and_losses_named():
    def one(value: float) -> list[dict]:
        keys = (
            "found_1",
            "found_5",
            "image_auroc",
            "pixel_auroc",
            "aupro",
            "aupro_05",
            "aupimo",
            "image_f1_max",
            "pixel_f1_max",
        )
        costs = {"fit_s": 1.0, "score_ms": 2.0, "model_mb": 3.0, "peak_gb": 0.5, "images": [1, 2]}
        return [dict.fromkeys(keys, value) | costs, dict.fromkeys(keys, value + 0.1) | costs]

    cells = {("a", "x"): one(0.5), ("a", "y"): one(0.6), ("b", "x"): one(0.7), ("b", "y"): one(0.2)}
    cells["b", "y"][0]["aupimo"] = cells["b", "y"][1]["aupimo"] = None
    text = markdown(cells, ["b"], (0, 1))
    assert "| y | 6 | 7 | a found at 1 % (0.550, 0.650)" in text
    assert "| y | 0.250 b | 0.250 b |" in text
    assert "choices were made: b." in text
    assert "| x | 0.550 ± 0.100 | - |" in text
    assert "**0.650 ± 0.100**" in text
    assert np.char.count(text, "## ") == 6


def test_unknown_methods_and_sets_of_one_name_are_refused(mvtec, tmp_path):
    refused(psdl("bench", "accuracy", mvtec, "--method", "magic", "--out", tmp_path), "magic", "default")
    refused(psdl("bench", "accuracy", mvtec, mvtec, "--out", tmp_path), "one name")
    refused(psdl("bench", "accuracy", mvtec, "--seeds", "2", "--splits", "2", "--out", tmp_path), "--splits")
    refused(psdl("bench", "accuracy", mvtec, "--jobs", "0", "--out", tmp_path), "--jobs is 0")
    refused(psdl("bench", "accuracy", tmp_path / "no", "--method", "fast", "--out", tmp_path), "no folder")
