"""Models kept loaded: no file that takes the place of one ends the looking, and a good one is taken at once."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
from pathlib import Path

import pytest

from psdl.deploy import registry as registries
from psdl.deploy.registry import ModelRegistry

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
def registry(model) -> ModelRegistry:
    return ModelRegistry([str(model)])


def test_whatever_takes_a_files_place_leaves_the_old_model(registry, model, model_file):
    first = registry.named("part")[1]
    for content in (*BAD.values(), model_file.read_bytes()[:-1000]):
        model.write_bytes(content)
        assert registry.refresh() == []
        assert registry.named("part")[1].problem
        assert registry.named("part")[1].detector is first.detector
    model.unlink()
    model.mkdir()
    assert registry.refresh() == []
    model.rmdir()
    assert registry.refresh() == []
    assert "no model file" in registry.named("part")[1].problem
    shutil.copy(model_file, model)
    assert registry.refresh() == ["part"]
    assert not registry.named("part")[1].problem


def test_a_file_that_cannot_be_read_for_a_moment_is_tried_again(registry, model, monkeypatch):
    def away(_: Path) -> bytes:
        raise OSError(5, "Input/output error")

    stat = model.stat()
    os.utime(model, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    with monkeypatch.context() as patch:
        patch.setattr(registries, "content", away)
        assert registry.refresh() == []
        assert "Input/output" in registry.named("part")[1].problem
    assert registry.refresh() == ["part"]  # though nothing about the file has changed since
    assert registry.refresh() == []


def test_the_digest_is_of_the_bytes_that_were_loaded(registry, model):
    held = registry.named("part")[1]
    model.write_bytes(b"another")
    assert held.digest == hashlib.sha256(held.data).hexdigest() != hashlib.sha256(b"another").hexdigest()
