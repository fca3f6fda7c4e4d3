"""The model file: the same bytes, a round trip that ends in a new process, and files that lie."""

from __future__ import annotations

import pickle
import struct
import subprocess
import sys

import numpy as np
import pytest

from psdl import Detector, PsdlError
from psdl.model import file as modelfile
from psdl.model.card import card
from psdl.model.words import described
from tests import parts


def test_a_model_read_and_written_again_has_the_same_bytes(model_file, tmp_path):
    model = modelfile.read(model_file)
    modelfile.write(model, tmp_path / "again.psdl")
    assert (tmp_path / "again.psdl").read_bytes() == model_file.read_bytes()
    assert model.recipe.parts[0].params == {"rounds": 2, "sparsity": 0.25}
    assert model.categories == ("bolt",)
    assert model.options["iterations"] == 2
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
    """The model file's bytes with `change` applied to its card, and the digest that then is right."""
    return parts.sealed(data, lambda card, _: change(card))


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


def older(card):
    card["format"] = 2


def flipped(data: bytes, place: int) -> bytes:
    """The bytes with one bit changed."""
    changed = bytearray(data)
    changed[place] ^= 1
    return bytes(changed)


def other_cut(card):
    card["network"]["cuts"] = {"1": "0" * 64}


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
    "a newer format": (
        lambda data: rewritten(data, newer),
        "model format 99, this psdl reads 10 and 11: install a newer",
    ),
    "an older format": (
        lambda data: rewritten(data, older),
        "format 2, this psdl reads 10 and 11: fit a new one",
    ),
    "one bit of an array": (lambda data: flipped(data, -5000), "is damaged: its content gives the digest"),
    "one bit of the card": (lambda data: data.replace(b"threshold", b"thresholt", 1), "gives the digest"),
    "a cut that is not there": (lambda data: rewritten(data, other_cut), "damaged model file ('graph/1')"),
    "another grid": (lambda data: rewritten(data, other_grid), "damaged model file"),
    "an unknown method": (lambda data: rewritten(data, unknown_method), "unknown method 'os'"),
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


def test_a_model_records_what_it_was_learned_from_and_who_set_what(model_file, mvtec, tmp_path):
    """Hashes of every image, and an entry for each change, with the same bytes for the same learning."""
    import hashlib

    model = modelfile.read(model_file)
    assert len(model.learned) == len(model.calibration.images) == 12
    assert set(model.learned) == set(model.calibration.images)
    where = next(image for image in model.learned if image.name.endswith("001.PNG"))
    assert where.sha256 == hashlib.sha256((mvtec / where.name).read_bytes()).hexdigest()
    assert [entry["what"] for entry in model.history] == ["learned"]
    assert "on" not in model.history[0]
    detector = Detector.load(model_file)
    files = sorted((mvtec / "bolt/test/good").iterdir())
    detector.calibrate(files, false_reject=0.2, by="Ada")
    detector.edit(threshold=12.5, by="Lin")
    detector.save(tmp_path / "m.psdl")
    second, third = modelfile.read(tmp_path / "m.psdl").history[1:]
    assert (second["what"], second["by"], second["images"], second["alarm"]) == ("calibrated", "Ada", 4, 0.2)
    digests = sorted(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)
    assert second["sha256"] == hashlib.sha256("".join(digests).encode()).hexdigest()
    assert (third["what"], third["by"], third["threshold"]) == ("threshold set by hand", "Lin", 12.5)
    assert third["on"].endswith("+00:00")
    said = described(card(modelfile.read(tmp_path / "m.psdl")))["history"]
    assert "calibrated from 4 images" in said
    assert "by Lin" in said


def test_the_self_test_passes_here_and_fails_where_scores_come_out_otherwise(model_file, tmp_path):
    from dataclasses import replace

    detector = Detector.load(model_file)
    assert detector.selftest() == [(0.0, 0.0)] * 5
    assert detector.model.golden.verdicts[-1] == 2  # the one that looks defective is NG
    done = parts.psdl("selftest", model_file)
    assert (done.returncode, done.stdout[:16]) == (0, "self-test passed")
    model = detector.model
    shift = 0.011 * (model.calibration.threshold - np.median(model.calibration.scores))
    moved = replace(model.golden, scores=model.golden.scores + np.array([0, shift, 0, 0, 0]))
    modelfile.write(replace(model, golden=moved), tmp_path / "m.psdl")
    parts.refused(parts.psdl("selftest", tmp_path / "m.psdl"), "judges unlike", "1.100%", "where 1% is allowed")
    maps = model.golden.maps.copy()
    maps[2, 5, 5] += 100
    modelfile.write(replace(model, golden=replace(model.golden, maps=maps)), tmp_path / "m.psdl")
    parts.refused(parts.psdl("selftest", tmp_path / "m.psdl"), "judges unlike")
    modelfile.write(replace(model, golden=None), tmp_path / "m.psdl")
    parts.refused(parts.psdl("selftest", tmp_path / "m.psdl"), "carries no images for a self-test")
