"""The plan of memory: what it says, what it moves to files, what it refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from psdl import Detector, recipe
from psdl.errors import PsdlError
from psdl.model import file
from psdl.training import memory
from psdl.training.options import FitOptions
from psdl.types import Grid, Signals
from tests import parts

FIRST = {
    name: Signals(np.empty((1, side * side, length), np.float32), Grid(side, side, (256, 256)))
    for name, side, length in (("coarse", 24, 152), ("fine", 40, 152), ("deep", 6, 320))
}


def test_signals_that_do_not_fit_go_to_files():
    everything = memory.plan(recipe("default"), FIRST, 1000, 10**11)
    assert everything.in_memory
    assert everything.file == 0
    less = memory.plan(recipe("default"), FIRST, 1000, everything.memory - 1)
    assert not less.in_memory
    assert less.file == 4 * 1000 * (24 * 24 * 152 + 40 * 40 * 152 + 6 * 6 * 320)
    assert less.memory == everything.memory - less.file
    assert "in temporary files" in less.words()


@pytest.mark.parametrize("name", ["default", "fast", "paper", "padim", "patchcore"])
def test_every_recipe_can_be_planned(name):
    chosen = recipe(name)
    first = {part.name: FIRST["deep"] for part in chosen.parts}
    assert memory.plan(chosen, first, 10, 10**10).memory < 10**10


def test_what_does_not_fit_is_refused_before_it_starts():
    with pytest.raises(PsdlError, match=r"needs about .* GB of memory, but `max_memory` allows 500 MB"):
        memory.plan(recipe("default"), FIRST, 5000, 500 * 10**6)


def test_sizes_are_read_as_people_write_them():
    assert [memory.size_of(text) for text in ("3GB", "500 mb", "2e9", None)] == [
        3 * 10**9,
        5 * 10**8,
        2 * 10**9,
        None,
    ]
    for wrong in ("much", "-1GB", "3", "nan"):
        with pytest.raises(PsdlError, match="give a size such as 3GB"):
            memory.size_of(wrong)


def test_a_model_is_the_same_wherever_its_signals_were(tmp_path):
    rng = np.random.default_rng(0)
    images = [parts.good(rng) for _ in range(12)]
    said: list[str] = []
    for name, most in (("a", 10**10), ("b", 440 * 10**6)):
        detector = Detector(options=FitOptions(max_memory=most)).fit(images, parts.listening(said))
        file.write(replace(detector.model, options={}), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    plans = [line for line in said if "estimated memory" in line]
    assert ["temporary files" in plan for plan in plans] == [False, True]
    assert any("reading images took" in line for line in said)
