"""A folder of bad files: each is accounted for in one sentence, by every verb, and the good ones are used."""

from __future__ import annotations

import io
import json
import os
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from psdl.errors import PsdlError
from psdl.input import decode
from tests import parts


def saved(pixels: np.ndarray, kind: str, **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def png(width: int, height: int, depth: int, colours: int, data: bytes, *more: tuple[bytes, bytes]) -> bytes:
    """A PNG file of these chunks, whatever they say."""
    header = struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0)
    chunks = [(b"IHDR", header), *more, (b"IDAT", data), (b"IEND", b"")]
    written = (struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(written)


def bad_files() -> dict[str, bytes]:
    part = parts.good(np.random.default_rng(1))
    whole = {kind: saved(part, kind) for kind in ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF")}
    text = b"zTXt", b"a\0\0" + zlib.compress(bytes(200 << 20))
    two = {"save_all": True, "append_images": [Image.fromarray(255 - part)]}
    return {
        "empty.png": b"",
        "text.png": b"this is no image\n" * 50,
        "zip.jpg": b"PK\x03\x04" + bytes(300),
        "pdf.png": b"%PDF-1.7\n" + bytes(300),
        "vector.png": b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"/>',
        "cut.png": whole["PNG"][:-300],
        "cut.jpg": whole["JPEG"][:-300],
        "cut.bmp": whole["BMP"][:-300],
        "cut.tif": whole["TIFF"][:-300],
        "cut.webp": whole["WEBP"][:-100],
        "cut.gif": whole["GIF"][:1500],
        "flipped.png": whole["PNG"][:2000] + bytes(40) + whole["PNG"][2040:],
        "bomb.png": png(60_000, 60_000, 8, 0, zlib.compress(bytes(1000))),
        "wordy.png": png(64, 64, 8, 0, zlib.compress(bytes(65 * 64)), text),
        "hollow.png": png(64, 64, 8, 0, b""),
        "tiny.png": png(1, 1, 8, 0, zlib.compress(bytes(2))),
        "deep.png": png(64, 64, 16, 2, zlib.compress(bytes(64 * (64 * 6 + 1)))),
        "pages.tif": saved(part, "TIFF", **two),
        "moving.gif": saved(part, "GIF", **two),
        "holes.tif": saved(np.full((64, 64), np.nan, np.float32), "TIFF"),
        "below.tif": saved(np.full((64, 64), -3, np.float32), "TIFF"),
    }


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> tuple[Path, set[str]]:
    """A folder with eight good images and all bad ones, links and pipes among them; the bad ones' names."""
    root = tmp_path_factory.mktemp("hostile")
    rng = np.random.default_rng(0)
    for n in range(8):
        parts.save(parts.good(rng), root / f"part{n}.png")
    for name, data in bad_files().items():
        (root / name).write_bytes(data)
    os.symlink(root / "nowhere.png", root / "dead.png")
    os.symlink(root / "round.png", root / "round.png")
    os.mkfifo(root / "pipe.png")
    return root, {*bad_files(), "dead.png", "round.png", "pipe.png"}


def test_every_bad_file_is_refused_in_one_sentence(hostile):
    root, bad = hostile
    assert len(bad) > 20
    for name in bad:
        with pytest.raises(PsdlError) as error:
            decode.pixels(str(root / name), white=1.0)
        assert str(root / name) in str(error.value)
        assert "\n" not in str(error.value)
        assert len(str(error.value)) < len(str(root)) + 250


def test_a_check_names_every_bad_file(hostile):
    root, bad = hostile
    done = parts.psdl("datasets", "check", root, "--quiet")
    assert done.returncode == 2
    assert f"{len(bad)} of {len(bad) + 8} files cannot be used" in done.stderr
    assert all(f"/{name} " in done.stdout for name in bad)
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def model(hostile, tmp_path_factory):
    out = tmp_path_factory.mktemp("model") / "m.psdl"
    done = parts.psdl("fit", hostile[0], "--model", out, "--recipe", "fast", "--on-error", "skip")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("skipped: ") == len(hostile[1])
    return out


def test_learning_stops_at_bad_files_or_skips_and_lists_them(hostile, model, tmp_path):
    root, bad = hostile
    parts.refused(parts.psdl("fit", root, "--model", tmp_path / "m.psdl", "--recipe", "fast"))
    assert not (tmp_path / "m.psdl").exists()
    card = json.loads(parts.psdl("inspect", model, "--json").stdout)
    assert set(card["dropped"]) == bad
    assert len(card["learned"]) == 8


def test_judging_accounts_for_every_file(hostile, model, tmp_path):
    root, bad = hostile
    parts.refused(parts.psdl("predict", model, root, "--quiet"))
    done = parts.psdl("predict", model, root, "--on-error", "skip", "--json", "--quiet", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert {Path(row["path"]).name for row in rows if "skipped" in row} == bad
    assert sum("verdict" in row for row in rows) == 8
    listed = (tmp_path / "out" / "skipped.csv").read_text()
    assert all(name in listed for name in bad)
    assert f"{len(bad)} pictures were not judged" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.slow
def test_a_skipped_file_fails_where_a_script_asked(hostile, model, tmp_path):
    for name in ("part0.png", "cut.jpg"):
        shutil.copy(hostile[0] / name, tmp_path / name)
    asked = ("predict", model, tmp_path, "--on-error", "skip", "--quiet")
    assert parts.psdl(*asked).returncode == 0
    assert parts.psdl(*asked, "--fail-on", "ng").returncode == 1
    (tmp_path / "part0.png").unlink()
    parts.refused(parts.psdl(*asked), "none of 1 files can be used")
    parts.refused(parts.psdl("predict", model, tmp_path, "--on-error", "ignore"), "choose one of")
