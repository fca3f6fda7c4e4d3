"""One image through a model: its scales beside each other, in the threads that were given and no others."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from psdl import Detector, PsdlError
from psdl._util.matmul import LIMIT, product
from psdl.backbone.graphs import graphs
from psdl.jobs.threads import beside
from psdl.model import recipes
from tests.parts import psdl

BUSY = """
import sys, time
from psdl import Detector
detector = Detector.load(sys.argv[1])
for _ in range(5):
    detector.score(sys.argv[2], threads=1)
wall, cpu = time.perf_counter(), time.process_time()
for _ in range(40):
    detector.score(sys.argv[2], threads=1)
print((time.process_time() - cpu) / (time.perf_counter() - wall))
"""


@pytest.fixture(scope="module")
def default_model(mvtec, tmp_path_factory):
    """A model whose passes see images at two scales, of which the larger needs fewer layers."""
    file = tmp_path_factory.mktemp("through") / "m.psdl"
    done = psdl("fit", mvtec, "--model", file, "--category", "bolt", "--groups", "given", "--quiet")
    assert done.returncode == 0, done.stderr
    return file


def test_threads_change_nothing(default_model, mvtec):
    detector = Detector.load(default_model)
    for path in sorted((mvtec / "bolt/test").rglob("*.png")):
        results = [detector.score(path, threads=threads) for threads in (1, 2, 3, 8)]
        assert len({one.score for one in results}) == 1
        for one in results[1:]:
            np.testing.assert_array_equal(one.map, results[0].map)


def test_a_scale_runs_a_graph_of_its_own_layers_to_the_same_scores(mvtec):
    """One network for both scales: the larger one ends earlier."""
    detector = Detector(replace(recipes.DEFAULT, arch="efficientnet_lite0")).fit(
        sorted((mvtec / "bolt/train/good").iterdir())[:6]
    )
    network = detector.model.network
    assert [*graphs(network)] == [("layer2", "layer3", "layer4"), ("layer2", "layer3")]
    assert len(network.cuts["layer2", "layer3"]) < 0.5 * len(network.graph)
    path = mvtec / "bolt/test/blot/000.png"
    score = detector.score(path).score
    object.__setattr__(network, "cuts", {})
    assert Detector.of(detector.model).score(path).score == score


def test_two_networks_see_two_scales(mvtec):
    detector = Detector(recipes.DEFAULT).fit(sorted((mvtec / "bolt/train/good").iterdir())[:6])
    network = detector.model.network
    assert [*graphs(network)] == [("layer2", "layer3", "layer4"), ("lite2_layer2", "lite2_layer3")]
    assert network.channels == (40, 112, 320, 48, 120)
    found = detector.score(mvtec / "bolt/test/blot/000.png")
    assert found.verdict.verdict == "NG"


def test_one_thread_keeps_one_core_busy(default_model, mvtec):
    """None of the products on the way wakes threads of BLAS, which would spin beside it."""
    command = [sys.executable, "-c", BUSY, default_model, mvtec / "bolt/test/good/000.png"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    assert float(done.stdout) < 1.2


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((3, 5), (5, 4)),
        ((7, 8, 432), (432, 432)),
        ((256, 40), (2, 3, 40, 40)),
        ((2, 300, 200), (2, 200, 310)),
        ((1, 20_000), (20_000, 33)),
        ((2, LIMIT + 1), (LIMIT + 1, 3)),
    ],
)
def test_products_in_blocks_are_products(left, right):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=left), rng.normal(size=right)
    np.testing.assert_allclose(product(a, b), np.matmul(a, b), rtol=1e-12, atol=1e-9)
    single = product(a.astype(np.float32), b.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, np.matmul(a, b), rtol=1e-3, atol=1e-2)


def test_beside_keeps_the_order_and_passes_errors_on():
    for workers in (1, 2, 4):
        assert beside(lambda n: n * n, [3, 1, 2], workers) == [9, 1, 4]

    def one(n: int) -> int:
        if n == 2:
            raise PsdlError("two")
        return n

    for workers in (1, 2):
        with pytest.raises(PsdlError, match="two"):
            beside(one, [1, 2, 3], workers)
