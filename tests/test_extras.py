"""The library alone learns and scores; what needs an extra says what to install."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from tests.parts import defective, good, save

MORE = (
    "typer",
    "rich",
    "matplotlib",
    "jinja2",
    "markupsafe",
    "fastapi",
    "watchdog",
    "cv2",
    "distributed",
    "fsspec",
)
WITHOUT = f"import sys; sys.modules.update(dict.fromkeys({MORE}))\n"  # as if they were not installed


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", WITHOUT + code, *arguments], capture_output=True, text=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    rng, where = np.random.default_rng(0), tmp_path_factory.mktemp("parts")
    for n in range(12):
        save(good(rng), where / "good" / f"{n}.png")
    save(defective(rng)[0], where / "new.png")
    return where


def test_the_library_alone_learns_scores_saves_and_draws(folder):
    code = (
        "import psdl\n"
        "psdl.Detector('fast').fit(sys.argv[1] + '/good').save(sys.argv[1] + '/m')\n"
        "found = psdl.Detector.load(sys.argv[1] + '/m').predict(sys.argv[1] + '/new.png')\n"
        "assert found._repr_png_()[:4] == b'\\x89PNG'\n"
        "print(found.verdict.verdict)\n"
    )
    done = run(code, str(folder))
    assert (done.stdout, done.stderr) == ("NG\n", "")


def test_the_command_says_what_to_install():
    done = run("from psdl.__main__ import main; main()", "fit", "parts")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "typer" in done.stderr
    assert "pip install 'psdl[cli]'" in done.stderr


@pytest.mark.parametrize(
    "code",
    ["from psdl.report import heat; heat.gradient(3)", "from psdl.report import charts; charts._svg(None, 1, 1)"],
)
def test_pictures_of_the_report_say_what_to_install(code):
    done = run(code)
    assert "PsdlError: matplotlib is not installed: pip install 'psdl[report]'" in done.stderr
