"""Files made to make a decoder do other work than decoding one picture: each is refused at once."""

from __future__ import annotations

import io
import os
import re
import struct
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import psdl
from psdl.errors import PsdlError
from psdl.input import decode
from psdl.input.formats import FORMATS
from tests import parts

Image.init()
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\n(%pipe%id) (r) file\nshowpage\n%%EOF"


def chain(directories: int, last: int = 0) -> bytes:
    """A grey TIFF of 64 x 64 pixels with so many directories of equal rank; the last names `last` as the next."""
    tags = {256: 64, 257: 64, 258: 8, 259: 1, 262: 1, 273: 8, 278: 64, 279: 4096}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    size = 2 + len(entries) + 4
    nexts = [8 + n * size for n in range(1, directories)] + [last]
    return (
        struct.pack("<4sI", b"II*\0", 8)
        + b"".join(struct.pack("<H", len(tags)) + entries + struct.pack("<I", then) for then in nexts)
        + bytes(4096)
    )


@pytest.fixture
def ghostscript(tmp_path, monkeypatch) -> Path:
    """A file that is there once a program of the name gs was started."""
    mark, program = tmp_path / "started", tmp_path / "bin/gs"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch {mark}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return mark


def test_no_picture_starts_a_program(ghostscript):
    for read in (decode.header, decode.pixels):
        with pytest.raises(PsdlError, match="not an image file that can be read"):
            read(EPS)
    assert not ghostscript.exists()


@pytest.mark.parametrize(
    "kind", sorted({"DDS", "ICO", "ICNS", "JPEG2000", "PCX", "SGI", "TGA", "MSP"} & set(Image.SAVE))
)
def test_formats_beyond_the_documented_ones_are_no_images(kind):
    file = io.BytesIO()
    Image.new("1" if kind == "MSP" else "RGB", (64, 64)).save(file, kind)
    with pytest.raises(PsdlError, match="not an image file that can be read"):
        decode.pixels(file.getvalue())


@pytest.mark.parametrize("kind", FORMATS)
def test_the_documented_formats_are_read(kind):
    file = io.BytesIO()
    pixels = parts.good(np.random.default_rng(0))
    Image.fromarray(pixels).save(file, kind)
    assert decode.header(file.getvalue()) == pixels.shape[:2] == decode.pixels(file.getvalue()).shape[:2]


def test_every_picture_is_opened_with_its_formats_named():
    opened = re.compile(r"Image\.open\((?:[^()]|\([^()]*\))*\)")
    calls = [
        (path, call)
        for path in Path(psdl.__file__).parent.rglob("*.py")
        for call in opened.findall(path.read_text())
    ]
    assert len(calls) >= 4
    assert [(path.name, call) for path, call in calls if "formats=" not in call] == []


def test_a_long_chain_of_directories_is_told_at_once():
    data, start = chain(100_000), time.perf_counter()
    with pytest.raises(PsdlError, match="holds several pictures"):
        decode.header(data)
    assert time.perf_counter() - start < 1


def test_one_directory_and_one_that_names_itself_are_one_picture():
    assert decode.pixels(chain(1)).shape == (64, 64, 3)
    assert decode.pixels(chain(1, last=8)).shape == (64, 64, 3)


def test_a_long_animation_is_told_at_once():
    file = io.BytesIO()
    others = [Image.new("RGB", (16, 16), (n % 255, n // 255, 0)) for n in range(1, 2000)]
    Image.new("RGB", (16, 16)).save(file, "GIF", save_all=True, append_images=others)
    start = time.perf_counter()
    with pytest.raises(PsdlError, match="holds several pictures"):
        decode.header(file.getvalue())
    assert time.perf_counter() - start < 0.2
