"""labels.csv keeps all that people said, and `psdl fit` reads only what is to be used."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Picture

from psdl.datasets.read import read as verbs_read
from psdl.studio.labels import Image, marked, read, write


@pytest.fixture
def images(tmp_path):
    found = []
    for n, (use, label) in enumerate([*[("learn", "good")] * 4, ("check", "hole"), ("check", "good")]):
        path = tmp_path / f"{n}.png"
        Picture.fromarray(np.full((32, 32, 3), 20 * n, np.uint8)).save(path)
        found.append(Image(str(path), path.name, use, label))
    return found


def test_an_image_that_is_left_out_keeps_its_label_for_later(images, tmp_path):
    out = [replace(image, use="out") for image in images[4:]]
    write(tmp_path / "labels.csv", [*images[:4], *out])
    again = read(tmp_path / "labels.csv")
    assert again == [*images[:4], *out]
    assert [marked(image, "check", None).label for image in again[4:]] == ["hole", "good"]


def test_the_verbs_do_not_read_the_label_of_an_image_that_is_left_out(images, tmp_path):
    write(tmp_path / "labels.csv", [*images[:4], replace(images[4], use="out"), images[5]])
    labels = {sample.name: sample.label for sample in verbs_read(tmp_path / "labels.csv").samples}
    assert labels == {"0.png": 0, "1.png": 0, "2.png": 0, "3.png": 0, "4.png": None, "5.png": 0}
