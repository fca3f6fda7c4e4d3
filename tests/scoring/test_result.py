"""Results as plain values, as a table, and as pictures."""

from __future__ import annotations

import io
import json
import pickle
import sys
import types

import numpy as np
import pytest
from PIL import Image

from psdl import Detector, PsdlError, Results
from psdl.scoring.picture import DEFECT
from tests import parts


@pytest.fixture(scope="module")
def detector(model_file):
    return Detector.load(model_file)


@pytest.fixture(scope="module")
def images(mvtec):
    return [mvtec / "bolt/test/good/000.png", mvtec / "bolt/test/blot/000.png"]


def shown(result) -> np.ndarray:
    """The pixels (h,w,3) of the picture that a notebook shows."""
    with Image.open(io.BytesIO(result._repr_png_())) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture.convert("RGB"))


def test_a_result_is_plain_values(detector, images):
    result = detector.predict(images[1])
    values = json.loads(json.dumps(result.to_dict()))
    assert values["verdict"] == result.verdict.verdict == "NG"
    assert (values["score"], values["threshold"]) == (result.score, result.verdict.threshold)
    assert (values["height"], values["width"]) == parts.SIZE
    assert len(values["regions"]) == len(result.regions) > 0
    assert repr(result).startswith("Result(NG, score ")


def test_the_command_lines_rows_are_the_same_values(detector, model_file, images):
    (line,) = parts.psdl("predict", model_file, images[1], "--json").stdout.splitlines()[:1]
    row = json.loads(line)
    values = json.loads(json.dumps(detector.predict(images[1]).to_dict()))
    assert {key: row[key] for key in values} == values


def test_a_picture_is_the_image_with_the_outline_of_its_mask(detector, images):
    result = detector.predict(images[1])
    pixels, plain = shown(result), parts.opened(images[1])
    assert pixels.shape == plain.shape
    line = np.all(pixels == DEFECT, axis=2)
    assert line.any()
    assert not (line & result.mask).any()
    y, x = np.nonzero(result.mask)
    assert line[max(0, y.min() - 3) : y.max() + 4, max(0, x.min() - 3) : x.max() + 4].sum() == line.sum()
    np.testing.assert_array_equal(pixels[~line], plain[~line])


def test_a_good_image_is_shown_as_it_is_and_a_large_one_small(detector, images):
    result = detector.predict(images[0])
    assert result.verdict.verdict == "OK"
    np.testing.assert_array_equal(shown(result), parts.opened(images[0]))
    large = np.kron(parts.opened(images[0]), np.ones((8, 8, 1), np.uint8))
    assert shown(detector.predict(large)).shape == (384, 512, 3)


def test_an_image_that_is_ng_without_a_mask_has_a_ring(detector, images):
    result = detector.predict(images[1])
    weak = result.input_map * 1e-6
    object.__setattr__(result, "input_map", weak)
    assert not result.mask.any()
    assert np.all(shown(result) == DEFECT, axis=2).any()


@pytest.mark.parametrize("kind", ["bytes", "array", "image", "file"])
def test_pictures_of_whatever_was_given(detector, images, kind):
    given = {
        "bytes": images[0].read_bytes,
        "array": lambda: parts.opened(images[0]),
        "image": lambda: Image.open(images[0]),
        "file": lambda: io.BytesIO(images[0].read_bytes()),
    }[kind]()
    np.testing.assert_array_equal(shown(detector.predict(given)), parts.opened(images[0]))


def test_no_picture_where_there_is_nothing_to_show(detector, images, tmp_path):
    (one,) = detector.results(images[:1])
    assert one._repr_png_() is None
    copy = tmp_path / "copy.png"
    copy.write_bytes(images[0].read_bytes())
    gone = detector.predict(copy)
    assert gone.without_map()._repr_png_() is None
    copy.unlink()
    assert gone._repr_png_() is None


def test_results_are_a_list_that_travels(detector, images):
    found = detector.predict(images)
    assert isinstance(found, list)
    assert isinstance(found, Results)
    assert [row["image"] for row in found.to_dicts()] == [str(path) for path in images]
    again = pickle.loads(pickle.dumps(found))
    assert [one.score for one in again] == [one.score for one in found]
    assert isinstance(again, Results)
    assert len(detector.predict([])) == 0


def test_arrays_are_numbered(detector, images):
    found = detector.predict(np.stack([parts.opened(path) for path in images]))
    assert [row["image"] for row in found.to_dicts()] == ["0", "1"]
    assert shown(found[1]).shape == (*parts.SIZE, 3)


def test_results_become_a_pandas_table(detector, images):
    pandas = pytest.importorskip("pandas")
    table = detector.predict(images).to_pandas()
    assert isinstance(table, pandas.DataFrame)
    assert table["verdict"].tolist() == ["OK", "NG"]
    assert table.set_index("image").loc[str(images[1]), "score"] > table["score"][0]


def test_the_table_is_made_of_plain_rows(detector, images, monkeypatch):
    """As pandas is no dependency: what it is called with, and what is said without it."""
    monkeypatch.setitem(sys.modules, "pandas", types.SimpleNamespace(DataFrame=lambda rows: rows))
    found = detector.predict(images)
    assert found.to_pandas() == found.to_dicts()
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(PsdlError, match="pip install pandas"):
        found.to_pandas()
