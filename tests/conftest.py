"""Strictness that only tests can afford, and what many tests share."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tests import parts

SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(autouse=True)
def _strict_arithmetic():
    with np.errstate(divide="raise", over="raise", invalid="raise"):
        yield


@pytest.fixture(scope="session")
def mvtec(tmp_path_factory) -> Path:
    """A tiny MVTec-like data set of two categories, with defects that can be found."""
    return parts.mvtec(tmp_path_factory.mktemp("mvtec") / "set")


@pytest.fixture(scope="session")
def model_file(mvtec, tmp_path_factory) -> Path:
    """A model of the first category of `mvtec`, learned by the command line."""
    file = tmp_path_factory.mktemp("model") / "bolt.psdl"
    done = parts.psdl(
        "fit",
        mvtec,
        "--model",
        file,
        "--category",
        "bolt",
        "--iterations",
        "2",
        "--groups",
        "given",
        "--resize",
        "square",
        "--quiet",
    )
    assert done.returncode == 0, done.stderr
    return file


@pytest.fixture(scope="module")
def browser():
    """A real browser without a window, for tests of pages."""
    from tests.browser import launched

    with launched() as begun:
        yield begun


@pytest.fixture
def real_data():
    """The folder of real development data; the test skips where it is missing."""
    if not SHARED.is_dir():
        pytest.skip("the development data are not here")
    return SHARED


def pytest_collection_modifyitems(items):
    """Tests of the extra [torch] run only where they are asked for (make test-torch)."""
    if os.environ.get("PSDL_TEST_TORCH"):
        return
    for item in items:
        if item.get_closest_marker("torch"):
            item.add_marker(pytest.mark.skip(reason="needs the extra [torch]: make test-torch"))
