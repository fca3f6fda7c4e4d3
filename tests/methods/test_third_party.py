"""A method of another distribution: found by its entry point, it learns, scores, and is saved and loaded."""

from __future__ import annotations

import os
import re

import numpy as np
import pytest

from psdl import Detector, PsdlError
from psdl.methods import base
from psdl.types import Part, Recipe
from psdl.workflows.extend import extended
from tests import parts

METHOD = '''
"""The distance of a signal to the mean of the good signals at its position."""

from dataclasses import dataclass

import numpy as np

from psdl.types import Coded, State

ARRAYS = {"centre": ("float32", "P", "F")}


@dataclass(frozen=True)
class Params:
    power: float = 1.0


def fit(store, rows, params, run, done, device="cpu"):
    total = sum(batch.sum(axis=0, dtype=np.float64) for batch in store.batches(rows))
    done(store.grid.positions)
    return State(store.grid, {"centre": (total / len(rows)).astype(np.float32)})


def workspace(images, positions, length, params):
    return 8 * positions * length


def ready(state, params, device="cpu"):
    return {**state.arrays, "power": params.power}


def judge(ready, signals, threads=1):
    away = np.linalg.norm(signals.values - ready["centre"], axis=2) ** ready["power"]
    return Coded(away.astype(np.float32))
'''
POINTS = """[psdl.methods]
centre = centre_method
broken = no_such_module
bare = json
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder as `pip install --target` leaves it: a module, and the entry points of its distribution."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "centre_method.py").write_text(METHOD)
    info = folder / "centre_method-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: centre-method\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(POINTS)
    return folder


@pytest.fixture
def on_path(installed, monkeypatch):
    """The folder on the path, and methods looked up anew."""
    monkeypatch.syspath_prepend(installed)
    base.load.cache_clear()
    yield installed
    base.load.cache_clear()


PART = Part("layer", ("layer2",), "centre", {"power": 2.0}, unseen=True)
RECIPE = Recipe("centre", "efficientnet_lite0", (PART,), folds=2)


@pytest.fixture
def model_file(on_path, mvtec, tmp_path):
    """A model whose only part uses the other method."""
    path = tmp_path / "centre.psdl"
    Detector(RECIPE).fit(mvtec / "bolt/train/good").save(path)
    return path


def test_a_method_is_found_by_its_entry_point(on_path):
    assert "centre" in base.names()
    assert base.load("centre").Params().power == 1.0
    assert not base.extendable(base.load("centre"))
    assert set(base.BUILT_IN) < set(base.names())


def test_a_model_of_the_method_scores_alike_after_loading_and_finds_a_defect(model_file, mvtec):
    detector = Detector.load(model_file)
    good = detector.predict(mvtec / "bolt/test/good/000.png")
    found = detector.predict(mvtec / "bolt/test/blot/000.png")
    assert found.score > good.score
    assert found.verdict.verdict == "NG"
    assert np.isfinite(found.map).all()
    assert Detector.load(model_file).predict(mvtec / "bolt/test/blot/000.png").score == found.score


def test_the_command_line_finds_it_where_it_is_installed_and_says_so_elsewhere(model_file, installed, mvtec):
    image = mvtec / "bolt/test/blot/000.png"
    paths = os.pathsep.join([str(installed), os.environ.get("PYTHONPATH", "")])
    there = parts.psdl("predict", model_file, image, env={**os.environ, "PYTHONPATH": paths})
    assert there.returncode == 0, there.stderr
    assert len(parts.verdicts(there)) == 1
    parts.refused(parts.psdl("predict", model_file, image), "unknown method 'centre'", "exemplars")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("broken", "cannot be imported: ModuleNotFoundError"),
        ("bare", "lacks ARRAYS, Params, fit, judge, ready, workspace"),
        ("nothing", "unknown method 'nothing': choose one of"),
    ],
)
def test_what_cannot_be_used_is_named(name, words, on_path):
    with pytest.raises(PsdlError, match=re.escape(words)):
        base.load(name)


def test_methods_that_cannot_be_extended_are_refused(model_file, mvtec):
    items = [str(mvtec / f"bolt/test/good/00{n}.png") for n in range(4)]
    with pytest.raises(PsdlError, match="method centre cannot be extended"):
        extended(Detector.load(model_file), items)
