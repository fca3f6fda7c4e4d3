"""Models kept loaded: no file that takes the place of one ends the looking, and a good one is taken at once."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
from pathlib import Path

import pytest

from psdl.deploy import registry
from psdl.deploy.registry import Shelf

NESTED = json.dumps({"__metadata__": {"psdl": "[" * 100_000 + "]" * 100_000}}).encode()
BAD = {
    "junk": b"no model at all",
    "nothing": b"",
    "nested": struct.pack("<Q", len(NESTED)) + NESTED,
    "a long header": struct.pack("<Q", 2**63) + b"{",
}


@pytest.fixture
def model(model_file, tmp_path) -> Path:
    return Path(shutil.copy(model_file, tmp_path / "part.psdl"))


@pytest.fixture
def shelf(model) -> Shelf:
    return Shelf([str(model)])


def test_whatever_takes_a_files_place_leaves_the_old_model(shelf, model, model_file):
    first = shelf.named("part")[1]
    for content in (*BAD.values(), model_file.read_bytes()[:-1000]):
        model.write_bytes(content)
        assert shelf.refresh() == []
        assert shelf.named("part")[1].problem
        assert shelf.named("part")[1].detector is first.detector
    model.unlink()
    model.mkdir()
    assert shelf.refresh() == []
    model.rmdir()
    assert shelf.refresh() == []
    assert "no model file" in shelf.named("part")[1].problem
    shutil.copy(model_file, model)
    assert shelf.refresh() == ["part"]
    assert not shelf.named("part")[1].problem


def test_a_file_that_cannot_be_read_for_a_moment_is_tried_again(shelf, model, monkeypatch):
    def away(_: Path) -> bytes:
        raise OSError(5, "Input/output error")

    stat = model.stat()
    os.utime(model, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    with monkeypatch.context() as patch:
        patch.setattr(registry, "content", away)
        assert shelf.refresh() == []
        assert "Input/output" in shelf.named("part")[1].problem
    assert shelf.refresh() == ["part"]  # though nothing about the file has changed since
    assert shelf.refresh() == []


def test_the_digest_is_of_the_bytes_that_were_loaded(shelf, model):
    held = shelf.named("part")[1]
    model.write_bytes(b"another")
    assert held.digest == hashlib.sha256(held.data).hexdigest() != hashlib.sha256(b"another").hexdigest()
