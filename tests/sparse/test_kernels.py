"""Where compiled code is kept: the right code for every type, whoever else compiles at the same time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from psdl.sparse import kernels

TYPES = ("float32", "float64", "int16", "int64")
MODULE = """
from psdl.sparse.kernels import kernel

@kernel
def summed(x):
    total = x[0] * 0
    for i in range(x.shape[0]):
        total += x[i]
    return total
"""
CALL = """
import sys
import numpy as np
from module import summed
print(*(int(summed(np.arange(1000).astype(t))) for t in sys.argv[1:]))
"""


@pytest.fixture
def start(tmp_path):
    """Starts a process that calls the kernel for the types named."""
    (tmp_path / "module.py").write_text(MODULE)
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "kept")}

    def start(*types: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", CALL, *types]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, cwd=tmp_path)

    return start


def kept(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.rglob("*.nbc")}


def test_processes_that_compile_at_once_keep_one_file_for_each_type(start, tmp_path):
    for process in [start(kind) for kind in TYPES]:
        assert process.communicate()[0] == "499500\n"
    before = kept(tmp_path)
    assert len(before) == len(TYPES)
    assert start(*TYPES).communicate()[0] == "499500 499500 499500 499500\n"
    assert kept(tmp_path) == before


def test_a_changed_source_beside_a_kernel_compiles_it_anew(start, tmp_path):
    start("float32").communicate()
    (tmp_path / "other.py").write_text("what = 1\n")
    start("float32").communicate()
    assert len(kept(tmp_path)) == 2


def test_code_of_another_type_under_a_kernels_name_is_not_run(tmp_path, monkeypatch):
    """What numba's own index can come to where two processes write it at once."""
    files = kernels._Files(str(tmp_path), "summed", "sources")
    files.save("of one type", b"its code")
    (tmp_path / files._name("of one type")).rename(tmp_path / files._name("of another"))
    assert files.load("of another") is None
    files.save("of another", b"another's code")
    assert files.load("of another") == b"another's code"
    files.flush()
    assert not any(tmp_path.iterdir())


def test_a_kernel_runs_where_nothing_can_be_kept(monkeypatch, caplog):
    def refused(function):
        raise RuntimeError("no locator available")

    monkeypatch.setattr(kernels, "_Cache", refused)
    with caplog.at_level("INFO"):
        doubled = kernels.kernel(lambda x: x + x)
    assert doubled(np.float32(2)) == 4
    assert "no locator available" in caplog.text
