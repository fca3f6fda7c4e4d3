"""The examples in other languages say what the library says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from psdl import Detector, recipe
from psdl.calibrate import masks
from psdl.export.export import write
from psdl.report import heat
from psdl.types import InputRule
from tests.parts import defective, good, save

EXAMPLES = Path(__file__).parents[2] / "examples"
PLACES = [os.environ.get("ORT_HOME", ""), "/usr", "/usr/local", "/opt/onnxruntime"]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A detector, its graph, and two pictures as PPM."""
    folder, rng = tmp_path_factory.mktemp("examples"), np.random.default_rng(0)
    from dataclasses import replace

    detector = Detector(replace(recipe("fast"), input=InputRule(resize=(64, 96))))
    detector.fit([good(rng) for _ in range(10)])
    write(detector.model, folder / "part.onnx")
    pictures = [save(pixels, folder / f"{n}.ppm") for n, pixels in enumerate((good(rng), defective(rng)[0]))]
    return detector, folder / "part.onnx", pictures


def test_the_graph_says_where_masks_and_colours_start(exported):
    detector, file, _ = exported
    facts = ort.InferenceSession(str(file)).get_modelmeta().custom_metadata_map
    known = detector.model.calibration
    assert float(facts["pixel_threshold"]) == masks.pixel_threshold(known)
    assert float(facts["peak_threshold"]) == known.peak_threshold
    start, end = (np.float32([[float(facts[name])]]) for name in ("heat_start", "heat_end"))
    assert heat.shares(start, known) == pytest.approx(0, abs=1e-3)
    assert heat.shares(end, known) == pytest.approx(1, abs=1e-3)


def _package() -> tuple[Path, Path] | None:
    """Folders of ONNX Runtime's headers and library, where its own package lies here."""
    for place in filter(None, PLACES):
        header = next(Path(place, "include").glob("**/onnxruntime_cxx_api.h"), None)
        library = next(Path(place).glob("lib*/**/libonnxruntime.so*"), None)
        if header and library:
            return header.parent, library.parent
    return None


def test_the_example_in_cpp_says_what_the_library_says(exported, tmp_path):
    package = _package()
    if package is None or shutil.which("g++") is None:
        pytest.skip("no g++, or no release of ONNX Runtime: unpack one and set ORT_HOME")
    headers, library = package
    command = ["g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", EXAMPLES / "score.cpp", f"-I{headers}"]
    command += [f"-L{library}", "-lonnxruntime", f"-Wl,-rpath,{library}", "-o", tmp_path / "score"]
    subprocess.run(command, check=True)
    detector, file, pictures = exported
    for picture in pictures:
        done = subprocess.run([tmp_path / "score", file, picture], capture_output=True, text=True, check=True)
        known = detector.score(picture)
        verdict, score = re.findall(r"^(\w+) score (\S+)", done.stdout)[0]
        assert (verdict, float(score)) == (known.verdict.verdict, pytest.approx(known.score, abs=1e-4))
        above = (known.input_map > masks.pixel_threshold(known.calibration)).sum()
        assert int(re.findall(r"threshold (\d+)", done.stdout)[0]) == pytest.approx(above, abs=5)
        assert done.stdout.strip().endswith("yes" if known.mask.any() else "no")
    assert subprocess.run([tmp_path / "score", file, tmp_path / "none.ppm"], capture_output=True).returncode == 2
