"""Cores and memory are those that a container leaves, and images that are worked on stay within them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from psdl._util import machine
from psdl.errors import PsdlError
from psdl.input import decode, room
from tests import parts


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text + "\n")
    return root


V1 = "4:memory:/box/inner\n3:cpu,cpuacct:/box\n1:name=systemd:/\n0::/"
V2 = "0::/box/inner"
GB = 10**9


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"proc/self/cgroup": V2, "sys/fs/cgroup/box/cpu.max": "50000 100000"}, 1),
        ({"proc/self/cgroup": V2, "sys/fs/cgroup/cpu.max": "100000 100000"}, 1),
        ({"proc/self/cgroup": V2, "sys/fs/cgroup/box/inner/cpu.max": "max 100000"}, None),
        ({"proc/self/cgroup": V1, "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1"}, None),
        (
            {
                "proc/self/cgroup": V1,
                "sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us": "60000",
                "sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_period_us": "100000",
            },
            1,
        ),
        ({"proc/self/cgroup": "nonsense\n::\n"}, None),
        ({}, None),
    ],
)
def test_cores_are_those_of_affinity_and_quota(tmp_path, files, cores):
    bound = len(os.sched_getaffinity(0))
    assert machine.cores(tree(tmp_path, files)) == (bound if cores is None else cores)


@pytest.mark.parametrize(
    "files",
    [
        {
            "proc/self/cgroup": V2,
            "sys/fs/cgroup/box/memory.max": "450000000",
            "sys/fs/cgroup/box/memory.current": "400000000",
            "sys/fs/cgroup/box/memory.stat": "anon 1\ninactive_file 100000000",
            "sys/fs/cgroup/box/inner/memory.max": "max",
        },
        {
            "proc/self/cgroup": V1,
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "450000000",  # the group's path is the machine's
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "400000000",
            "sys/fs/cgroup/memory/memory.stat": "inactive_file 1\ntotal_inactive_file 100000000",
        },
    ],
)
def test_memory_is_what_limits_leave_and_what_is_there(tmp_path, files):
    import psutil

    own = psutil.Process().memory_info().rss
    assert machine.memory(tree(tmp_path, files)) - own == pytest.approx(150e6, abs=30e6)
    assert machine.memory(tmp_path / "none") > own


def test_nothing_asks_the_machine_elsewhere():
    """`os.cpu_count` counts the cores of the host, whatever a container may use of them."""
    source = Path(machine.__file__).parents[1]
    words = ("cpu_count", "virtual_memory")
    own = [p for p in source.rglob("*.py") if "sparse" not in p.parts]  # that one stands on its own
    asking = [p.name for p in own if any(word in p.read_text() for word in words)]
    assert asking == ["machine.py"]


def test_sixty_four_cores_reported_in_a_container_of_few_start_no_more_threads():
    program = """
import os, threading
os.cpu_count = lambda: 64
import numpy as np
from psdl import Detector
from psdl.jobs import runner
rng = np.random.default_rng(0)
detector = Detector("fast").fit(list(rng.integers(0, 255, (6, 64, 64, 3), dtype=np.uint8)))
most = []
list(runner(None)(lambda n: most.append(threading.active_count()), range(300)))
print(max(most))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) <= 8 + 3 * len(os.sched_getaffinity(0))


def test_images_worked_on_at_a_time_share_the_room_there_is(tmp_path, monkeypatch):
    path = parts.save(np.zeros((1100, 1000, 3)), tmp_path / "large.png")
    small = parts.save(np.zeros((96, 128, 3)), tmp_path / "small.png")
    whole = machine.Room(2 * room.BYTES * 1_100_000)
    monkeypatch.setattr(machine, "room", lambda: whole)
    inside, most = [], []

    def work(source) -> None:
        with room.held(source):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.05)
            inside.pop()

    for source, bound in ((str(path), 2), (path.read_bytes(), 2), (str(small), 8)):
        most.clear()
        threads = [threading.Thread(target=work, args=(source,)) for _ in range(8)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        assert max(most) == bound
    with machine.Room(1).held(10**12):
        pass  # the only one is never kept waiting


def trailing(folder: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)
    thumb = parts.save(noise[:16, :16], folder / "thumb.jpg").read_bytes()
    exif = Image.Exif()
    exif[0x9286] = thumb  # a small picture in front, whose own end is no end of the file
    found = [
        parts.save(noise, folder / "a.jpg"),
        parts.save(noise, folder / "b.jpg", progressive=True),
        parts.save(noise, folder / "c.jpg", exif=exif.tobytes()),
        parts.save(noise, folder / "d.png"),
        parts.save(noise, folder / "e.png", compress_level=0),
    ]
    return found


@pytest.mark.parametrize("more", [b"\0", b"\xff" * 10, b"x" * 5000, b"\0" * 10**6])
def test_bytes_after_a_pictures_end_do_not_matter(tmp_path, more):
    for path in trailing(tmp_path):
        before = decode.pixels(path)
        path.write_bytes(path.read_bytes() + more)
        assert decode.header(str(path)) == (64, 64)
        np.testing.assert_array_equal(decode.pixels(path), before)


def test_pictures_cut_short_are_refused_with_and_without_a_small_one_in_front(tmp_path):
    for path in trailing(tmp_path):
        whole = path.read_bytes()
        for share in (0.5, 0.9, 0.99):
            path.write_bytes(whole[: int(share * len(whole))])
            with pytest.raises(PsdlError, match="cut short"):
                decode.header(str(path))
            path.write_bytes(path.read_bytes() + b"\0" * 5000)
            with pytest.raises(PsdlError, match="cut short"):
                decode.header(str(path))
