"""No network and no traces: what the libraries below would do unasked does not happen."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import numpy as np, time
from psdl import Detector
rng = np.random.default_rng(0)
Detector("fast").fit(list(rng.integers(0, 255, (6, 64, 64, 3), dtype=np.uint8)))
time.sleep(1)
import psutil
print([c.raddr for c in psutil.Process().net_connections() if c.raddr])
"""


def run(home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HOME": str(home), **more}
    return subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment)


def test_learning_calls_nobody_and_leaves_nothing_at_home(tmp_path):
    done = run(tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
    assert done.stderr == ""
    assert list(tmp_path.rglob("*")) == []


SETTLE = """
import os, sys
from pathlib import Path
from psdl._util import kernel_cache
os.setgroups([]), os.setgid(65534), os.setuid(65534)
kernel_cache.settle(Path(sys.argv[1]))
print(os.environ.get("NUMBA_CACHE_DIR"))
"""


@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="only root may become another user")
def test_kernels_get_a_folder_of_the_users_own_where_none_may_be_written(tmp_path):
    def settled(package: Path) -> str:
        environment = {**os.environ, "HOME": "/nonexistent", "TMPDIR": str(temporary)}
        environment.pop("NUMBA_CACHE_DIR", None)
        command = [sys.executable, "-c", SETTLE, str(package)]
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=True).stdout.strip()

    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o755)
    (temporary := tmp_path / "tmp").mkdir()
    temporary.chmod(0o1777)
    (closed := tmp_path / "package").mkdir()
    own = temporary / "psdl-kernels-65534"
    assert settled(closed) == str(own)
    assert own.stat().st_mode & 0o777 == 0o700
    assert settled(closed) == str(own)
    own.rmdir()
    own.mkdir(mode=0o700)  # by root: another user's, who could plant kernels in it
    assert settled(closed) == "None"
    closed.chmod(0o777)
    assert settled(closed) == "None"  # numba finds that one itself
