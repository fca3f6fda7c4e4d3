"""The acceptance table's counts, and heat that leaves good parts dark."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from psdl import Detector
from psdl._util.binomial import interval
from psdl.report import acceptance, heat
from psdl.types import Sample, Score, Verdict
from tests import parts
from tests.calibrate.test_thresholds import calibrated


class Judged:
    def __init__(self, score, verdict):
        self.score, self.verdict = score, Verdict(verdict, score, 10.0, 0.5, 8.0)


def judged(*rows):
    return [
        (Sample(f"{n}", f"{n}", "c", "test", int(kind != "good"), kind), Judged(score, verdict))
        for n, (kind, score, verdict) in enumerate(rows)
    ]


def test_rows_count_mistakes_by_kind_with_intervals_and_name_the_worst():
    pairs = judged(
        ("good", 1, "OK"), ("good", 12, "NG"), ("good", 9, "REVIEW"), ("good", 2, "OK"),
        ("dent", 5, "OK"), ("dent", 20, "NG"), ("rust", 9, "REVIEW"), ("rust", 30, "NG"), ("rust", 3, "OK"),
    )  # fmt: skip
    pairs.append((Sample("x", "x", "c"), Judged(99, "NG")))  # not labelled: in no row
    good, bad, dent, rust = acceptance.rows(pairs)
    assert (good["count"], good["wrong"], good["worst"]) == (4, 1, [1, 2, 3])
    assert good["verdicts"] == {"OK": 2, "REVIEW": 1, "NG": 1}
    assert (good["low"], good["high"]) == interval(1, 4)
    assert (bad["count"], bad["wrong"], bad["worst"][0]) == (5, 2, 8)
    assert (dent["what"], dent["of"], dent["share"]) == ("dent", "defective", 0.5)
    assert (rust["count"], rust["wrong"], rust["worst"]) == (3, 1, [8, 6, 7])
    assert acceptance.rows([]) == []


def test_good_parts_stay_dark_and_defects_glow():
    rng = np.random.default_rng(0)
    maps = rng.gamma(2, size=(80, 64, 64)).astype(np.float32)
    known = calibrated([Score(maps, maps.max(axis=(1, 2)).astype(float))], 0.05, range(80))
    new = rng.gamma(2, size=(40, 64, 64)).astype(np.float32)
    clear = [(heat.overlay(values, known)[..., 3] == 0).mean() for values in new]
    assert min(clear) > 0.995
    dark = [not heat.overlay(values, known)[..., 3].any() for values in new]
    assert 0.2 < np.mean(dark) < 0.8  # every second good image shows nothing at all
    values = new[0].copy()
    values[10:20, 10:20] = 3 * known.peak_threshold
    colours = heat.overlay(values, known)
    assert (colours[10:20, 10:20, 3] == round(255 * heat.OPAQUE)).all()
    assert heat.opaque(np.full((2, 2), np.nan, np.float32), known).tolist() == [[[255] * 3] * 2] * 2


def test_one_scale_for_all_images_of_a_model(mvtec, model_file):
    detector = Detector.load(model_file)
    results = detector.score([mvtec / f"bolt/test/{kind}/000.png" for kind in ("good", "blot")])
    value = np.float32([[results[1].input_map.max()]])
    assert heat.shares(value, results[0].calibration) == pytest.approx(heat.shares(value, results[1].calibration))


def test_the_results_page_names_every_field(mvtec, model_file, tmp_path):
    """The schema that docs/results.md states is the one that is written."""
    done = parts.psdl("predict", model_file, mvtec / "bolt/test/blot/000.png", "--json")
    row = json.loads(done.stdout)
    text = (Path(__file__).parents[2] / "docs/results.md").read_text()
    documented = set(re.findall(r"^\| (`[^|]*`) \|", text, re.MULTILINE))
    names = {name.strip("`") for cell in documented for name in cell.split(", ")}
    region = row["regions"][0]
    assert {*row, *region, *region["reasons"][0]} <= names
