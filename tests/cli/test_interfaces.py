"""Whatever stands in the way of results, or of lines about them, is said in one sentence."""

from __future__ import annotations

import hashlib
import io
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image

import psdl
from psdl import Detector, PsdlError
from psdl.cli.main import app
from psdl.workflows.resume import FOLDER
from tests import parts

LITTLE = 60_000  # bytes of a file: what is kept of an image fits, the report does not


def test_every_interface_says_which_psdl_it_is():
    said = f"psdl {psdl.__version__}\n"
    assert parts.psdl("--version").stdout == said
    command = [sys.executable, "-m", "psdl", "--version"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == said


def test_help_shows_every_word_of_it():
    """Brackets, such as of an extra to install, are no markup."""
    for name, command in typer.main.get_command(app).commands.items():
        if hasattr(command, "commands"):
            continue
        environment = {**os.environ, "COLUMNS": "400"}
        shown = parts.psdl(name, "--help", env=environment).stdout if name in ("fit", "predict") else None
        for parameter in command.params:
            if shown is not None and parameter.help:
                assert parameter.help.replace("\\[", "[").split(".")[0] in " ".join(shown.split()), parameter.name


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_lines_that_cannot_be_written_are_an_error(model_file, mvtec):
    image = str(mvtec / "bolt/test/good/000.png")
    for arguments in (("predict", model_file, image), ("predict", model_file, image, "--json"), ("--version",)):
        command = [sys.executable, "-m", "psdl", *map(str, arguments)]
        with open("/dev/full", "w") as full:
            done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        assert "no room is left" in done.stderr


@pytest.mark.slow
def test_a_disk_that_fills_up_keeps_what_was_judged(mvtec, tmp_path):
    def little() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (LITTLE, LITTLE))

    images, out, model = mvtec / "bolt/test/blot", tmp_path / "out", tmp_path / "m.psdl"
    fit = ("fit", mvtec, "--category", "bolt", "--recipe", "fast", "--size", "96", "--groups", "given", "--quiet")
    assert parts.psdl(*fit, "--model", model).returncode == 0
    done = parts.psdl("predict", model, images, "--out", out, preexec_fn=little)
    parts.refused(done, "no room is left", "File too large")
    assert len(list((out / FOLDER).glob("*.npz"))) == 4
    done = parts.psdl("predict", model, images, "--out", out)
    assert done.returncode == 0, done.stderr
    assert (out / "report.html").stat().st_size > LITTLE
    assert not (out / FOLDER).exists()


@pytest.mark.parametrize("where", ["/dev/full/out", "/proc/out", "/sys/out"])
def test_places_that_take_no_results(model_file, mvtec, where):
    parts.refused(parts.psdl("predict", model_file, mvtec / "bolt/test/good", "--out", where), where.split("/")[1])


def test_names_that_a_terminal_cannot_write_or_a_disk_not_hold(model_file, tmp_path):
    rng = np.random.default_rng(0)
    deep = tmp_path / "in" / ("serial" * 40) / ("serial" * 40)
    for name in ("Prüfling № 1.png", "日本.png", "x" * 250 + ".png"):
        parts.save(parts.good(rng), deep / name)
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}
    done = parts.psdl(
        "predict",
        model_file,
        tmp_path / "in",
        "--out",
        tmp_path / "o",
        "--maps",
        env=environment,
        encoding="cp1252",
    )
    assert done.returncode == 0, done.stderr
    assert "\\u65e5\\u672c.png" in done.stdout
    for folder in ("pictures", "heat", "masks"):
        assert len(list((tmp_path / "o" / folder).rglob("*.png"))) == 3
    assert len(list((tmp_path / "o/maps").rglob("*.tiff"))) == 3


def test_an_image_scores_the_same_however_it_is_given(model_file, mvtec):
    path = mvtec / "bolt/test/good/000.png"
    data, detector = path.read_bytes(), Detector.load(model_file)
    opened = io.BytesIO(data)
    opened.seek(0, io.SEEK_END)

    class Like:
        def __array__(self, dtype=None, copy=None):
            return parts.opened(path)

    class Where(os.PathLike):
        def __fspath__(self):
            return str(path)

    given = [path, str(path), Where(), data, bytearray(data), memoryview(data), opened, Like()]
    given += [parts.opened(path), Image.open(io.BytesIO(data))]
    assert len({detector.score(one).score for one in given}) == 1
    for nothing in (None, 5, {}, object(), io.StringIO("text"), b"", ["not", "one"]):
        with pytest.raises(PsdlError):
            detector.score(nothing)
    others = [file.read_bytes() for file in sorted((mvtec / "bolt/train/good").iterdir())[:3]]
    alike = [io.BytesIO(others[0]), bytearray(others[1]), memoryview(others[2]), Like()]
    learned = Detector("fast").fit(alike).model.learned
    assert [one.sha256 for one in learned[:3]] == [hashlib.sha256(other).hexdigest() for other in others]
