"""The model file: the same bytes, a round trip that ends in a new process, and files that lie."""

from __future__ import annotations

import json
import pickle
import struct
import subprocess
import sys

import numpy as np
import pytest

from psdl import Detector, PsdlError, modelfile
from tests import parts


def test_a_model_read_and_written_again_has_the_same_bytes(model_file, tmp_path):
    model = modelfile.read(model_file)
    modelfile.write(model, tmp_path / "again.psdl")
    assert (tmp_path / "again.psdl").read_bytes() == model_file.read_bytes()
    assert model.recipe.parts[0].params == {"rounds": 2, "sparsity": 0.25}
    assert model.categories == ("bolt",)
    assert model.options["iterations"] == 2
    assert model.options["category"] == ["bolt"]
    assert set(model.versions) == {"psdl", "numpy", "numba", "onnxruntime", "pillow", "safetensors"}


def test_a_new_process_scores_the_same(model_file, mvtec):
    path = mvtec / "bolt/test/blot/000.png"
    code = f"import psdl; print(repr(psdl.Detector.load({str(model_file)!r}).score({str(path)!r}).score))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(found.stdout) == Detector.load(model_file).score(path).score


def test_nothing_half_written_where_the_folder_is_missing(model_file, tmp_path):
    with pytest.raises(PsdlError, match="no folder"):
        modelfile.write(modelfile.read(model_file), tmp_path / "none" / "m.psdl")
    assert not list(tmp_path.iterdir())


def rewritten(data: bytes, change) -> bytes:
    """The model file's bytes with `change` applied to its card."""
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + size])
    card = json.loads(header["__metadata__"]["psdl"])
    header["__metadata__"]["psdl"] = json.dumps(change(card) or card)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data[8 + size :]


@pytest.mark.parametrize("size", [0x4B50, 0x4B80])
def test_a_header_whose_length_looks_like_a_zip_or_a_pickle_is_read(size, model_file, tmp_path):
    data = model_file.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    padded = data[8 : 8 + length].ljust(size)
    file = tmp_path / "m.psdl"
    file.write_bytes(struct.pack("<Q", size) + padded + data[8 + length :])
    assert file.read_bytes()[:1] in (b"P", b"\x80")
    assert modelfile.read(file).categories == ("bolt",)


def newer(card):
    card["format"] = 99


def other_graph(card):
    card["network"]["graph_sha256"] = "0" * 64


def other_grid(card):
    card["grids"]["layer3"]["h"] = 3


def unknown_method(card):
    card["recipe"]["parts"][0]["method"] = "os"


def no_recipe(card):
    del card["recipe"]


HOSTILE = {
    "missing": (None, "no model file"),
    "cut in the header": (lambda data: data[:300], "cut short inside its header"),
    "cut in the arrays": (lambda data: data[:-1000], "cut short ("),
    "a pickle": (lambda data: pickle.dumps({"a": 1}), "pickle"),
    "a zip": (lambda data: b"PK\x03\x04" + data, "zip"),
    "an image": (lambda data: b"\x89PNG" + bytes(100), "not a psdl model file"),
    "empty": (lambda data: b"", "not a psdl model file"),
    "a newer format": (lambda data: rewritten(data, newer), "model format 99, this psdl reads up to 1"),
    "another graph": (lambda data: rewritten(data, other_graph), "holds a graph with SHA-256"),
    "another grid": (lambda data: rewritten(data, other_grid), "damaged model file"),
    "an unknown method": (lambda data: rewritten(data, unknown_method), "unknown methods name 'os'"),
    "no recipe": (lambda data: rewritten(data, no_recipe), "damaged model file"),
    "no card": (lambda data: rewritten(data, lambda card: [1]), "no object"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_files_that_lie_are_refused_in_one_sentence(name, model_file, mvtec, tmp_path):
    make, words = HOSTILE[name]
    file = tmp_path / "model.psdl"
    if make:
        file.write_bytes(make(model_file.read_bytes()))
    parts.refused(parts.psdl("predict", file, mvtec / "bolt/test/good/000.png"), words)


def test_a_folder_offered_as_a_model(tmp_path):
    with pytest.raises(PsdlError, match="is a folder"):
        modelfile.read(tmp_path)


def test_arrays_are_stored_as_they_are(model_file):
    state = modelfile.read(model_file).states["layer3"]
    assert state.arrays["dictionary"].shape == (256, 100, 100)
    assert state.arrays["dictionary"].dtype == np.float32
    assert state.arrays["precision"].dtype == np.float64
